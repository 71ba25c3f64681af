// A server for tests of the client: speaks wire messages over the memory transport, as its script
// says. It decides nothing by itself but the two handshakes.

import { EventEmitter, once } from 'node:events'
import { deriveKey } from '../../lib/wire/cipher.ts'
import { MessageChannel } from '../../lib/wire/channel.ts'
import type {
  Draft,
  Login,
  Message,
  MessageOf,
  MessageType,
  StartWorkConn,
} from '../../lib/wire/messages.ts'
import { type MemoryNetwork, memoryListener } from '../../lib/transport/memory.ts'
import type { Listener, Session, Stream } from '../../lib/transport/transport.ts'
import { type Logger, silentLogger } from '../../lib/log.ts'

export interface ServerScript {
  readonly token?: string
  /** Features that LoginResp names; undefined plays a real frps. */
  readonly features?: readonly string[]
  /** A text refuses the login. */
  readonly refusal?: string
  /** Never answer the login. */
  readonly isMute?: boolean
  readonly runId?: string
}

/** One client that logged in (or tried to). */
export class ServerEnd {
  readonly session: Session
  readonly login: Login
  readonly channel: MessageChannel
  /** Streams that the client opened after its control. */
  readonly #streams: Stream[] = []
  readonly #inbox: Message[] = []
  readonly #bell = new EventEmitter()

  constructor(session: Session, login: Login, channel: MessageChannel) {
    this.session = session
    this.login = login
    this.channel = channel
  }

  listen(): void {
    this.channel.onMessage(message => {
      this.#inbox.push(message)
      this.#bell.emit('message')
    })
  }

  take(stream: Stream): void {
    this.#streams.push(stream)
    this.#bell.emit('stream')
  }

  /** The next message of this type; those before it are dropped. */
  async expect<T extends MessageType>(type: T): Promise<MessageOf<T>> {
    for (;;) {
      const message = this.#inbox.shift()
      if (!message) await once(this.#bell, 'message')
      else if (isOf(message, type)) return message
    }
  }

  /** Messages that have come and were not taken. */
  get waiting(): readonly Message[] {
    return this.#inbox
  }

  async expectStream(): Promise<Stream> {
    while (this.#streams.length === 0) await once(this.#bell, 'stream')
    const stream = this.#streams.shift()
    if (!stream) throw new Error('no stream')
    return stream
  }

  /** As real frps: asks for a work stream and starts it. */
  async startPooled(start: Omit<Draft<StartWorkConn>, 'type'>): Promise<Stream> {
    this.channel.send({ type: 'ReqWorkConn' })
    const channel = new MessageChannel(await this.expectStream())
    await channel.readExpected('NewWorkConn')
    channel.send({ type: 'StartWorkConn', ...start })
    return channel.detach()
  }

  /** As ours: opens a stream and starts it. */
  async startOwn(start: Omit<Draft<StartWorkConn>, 'type'>): Promise<Stream> {
    const channel = new MessageChannel(await this.session.openStream())
    channel.send({ type: 'StartWorkConn', ...start })
    return channel.detach()
  }

  /** Answers NewProxy as if port 6000 were open. */
  async acceptProxy(remoteAddr = ':6000'): Promise<string> {
    const { proxy_name } = await this.expect('NewProxy')
    this.channel.send({ type: 'NewProxyResp', proxy_name, remote_addr: remoteAddr })
    return proxy_name
  }
}

export class ScriptedServer {
  readonly #script: ServerScript
  readonly #listener: Listener
  readonly #events: EventEmitter
  readonly #clients: ServerEnd[] = []

  private constructor(script: ServerScript, listener: Listener, events: EventEmitter) {
    this.#script = script
    this.#listener = listener
    this.#events = events
    events.on('session', (session: Session) => void this.#serve(session))
  }

  static async listen(network: MemoryNetwork, script: ServerScript = {}): Promise<ScriptedServer> {
    const events = new EventEmitter()
    const listener = await memoryListener(
      { network, port: 7000 },
      { onSession: session => events.emit('session', session), log: silentLogger },
    )
    return new ScriptedServer(script, listener, events)
  }

  /** The next client that has logged in. */
  async client(): Promise<ServerEnd> {
    for (;;) {
      const client = this.#clients.shift()
      if (client) return client
      await once(this.#events, 'client')
    }
  }

  async close(): Promise<void> {
    await this.#listener.close()
  }

  async #serve(session: Session): Promise<void> {
    const { token = '', features, refusal, isMute = false, runId = 'r1' } = this.#script
    let client: ServerEnd | undefined
    const stream = await new Promise<Stream>(resolve => {
      session.onStream(opened => (client ? client.take(opened) : resolve(opened)))
    })
    const channel = new MessageChannel(stream)
    const login = await channel.readExpected('Login')
    client = new ServerEnd(session, login, channel)
    if (!isMute && refusal !== undefined) {
      channel.send({ type: 'LoginResp', version: '0.70.1', error: refusal })
      channel.close()
    } else if (!isMute) {
      channel.send({
        type: 'LoginResp',
        version: '0.70.1',
        run_id: login.run_id || runId,
        ...(features && { quicfrp: { version: '0.1.0', features } }),
      })
      channel.encrypt(deriveKey(token))
      client.listen()
    }
    this.#clients.push(client)
    this.#events.emit('client')
  }
}

function isOf<T extends MessageType>(message: Message, type: T): message is MessageOf<T> {
  return message.type === type
}

/** Lines of a log, in order, to wait for. */
export class LogLines {
  readonly lines: string[] = []
  readonly #bell = new EventEmitter()

  readonly logger: Logger = loggerInto(line => {
    this.lines.push(line)
    this.#bell.emit('line')
  })

  async until(text: string, times = 1): Promise<string> {
    for (;;) {
      const line = this.lines.filter(one => one.includes(text))[times - 1]
      if (line !== undefined) return line
      await once(this.#bell, 'line')
    }
  }
}

function loggerInto(write: (line: string) => void, tags: readonly string[] = []): Logger {
  const at = (level: string) => (message: string) => {
    write([level, ...tags.map(tag => `[${tag}]`), message].join(' '))
  }
  return {
    trace: at('T'),
    debug: at('D'),
    info: at('I'),
    warn: at('W'),
    error: at('E'),
    child: scope => loggerInto(write, [...tags, ...(scope.tags ?? [])]),
  }
}
