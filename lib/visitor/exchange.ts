// The words between a visitor and frps until the stream is the proxy's (frp-wire.md section 6.6).
// Towards a real frps they are frp's. One of ours is offered to speak end to end with the owner; if
// that is a real frpc, the server gives a number for the key, so that no key is used twice.

import type { Clock } from '../clock.ts'
import type { VisitorConfig } from '../config/index.ts'
import {
  type KeyPair,
  newKeyPair,
  PREKEY_LIFE_MS,
  type Sealing,
  VisitorSecret,
} from '../e2e/index.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import type { Stream } from '../transport/transport.ts'
import { authKey } from '../wire/auth.ts'
import { MessageChannel } from '../wire/channel.ts'
import type { Draft, NewVisitorConn, NewVisitorConnResp } from '../wire/messages.ts'
import type { VisitorHost, VisitorSession } from './host.ts'

/** frp's wait for the answer. A server of ours may ask the owner first. */
const ANSWER_TIMEOUT_MS = 10_000
const MAX_TEXT = 500

/** Where an owner of ours lets nobody in: the type of the proxy is part of the key. */
export const KEY_HINT: string = 'are type and secretKey the same on both sides?'

/** What the stream is after the exchange. */
export interface Opened<Early = undefined> {
  readonly stream: Stream
  /** Of an end-to-end stream; undefined where frps reads along. */
  readonly sealed: Sealed | undefined
  /** What `early` made of the stream. */
  readonly early: Early | undefined
}

export interface Sealed extends Sealing {
  readonly isProven: boolean
  /** IP address of the owner as the server sees it; empty where it does not say. */
  readonly observed: string
}

export interface ExchangeOptions<Early> {
  readonly signal: AbortSignal
  readonly clock: Clock
  /**
   * Called as soon as the message is on its way: what it writes to the stream goes with it and
   * needs no answer first. Called again, with another stream, when the owner has another prekey.
   * Where it is given, an end-to-end stream is proven; to read from it one waits for `open`.
   */
  readonly early?: ((stream: Stream, sealing: Sealing) => Early) | undefined
}

interface TryOptions<Early> extends ExchangeOptions<Early> {
  /** Of all tries of one connection. */
  readonly pair: KeyPair
  readonly offered: Set<string>
}

/** Of the proxy that is visited, as it is on the wire; `user` is the visitor's. */
export function proxyNameOf({ serverUser, serverName }: VisitorConfig, user: string): string {
  const prefix = serverUser === '' ? user : serverUser
  return prefix === '' ? serverName : `${prefix}.${serverName}`
}

/** The owner renews its prekey every ten minutes: twice at most, not in each of these. */
const MAX_PREKEYS = 3

/** The proxy that a visitor visits, as it knows it. */
export class Target {
  readonly config: VisitorConfig
  /** With the prefix of its user. */
  readonly name: string
  readonly #secret: VisitorSecret
  /** Of a prekey that was good then. */
  #heardAt = -Infinity

  constructor(config: VisitorConfig, user: string) {
    const { type, secretKey, transport } = config
    this.config = config
    this.name = proxyNameOf(config, user)
    this.#secret = new VisitorSecret({
      type,
      name: this.name,
      secretKey: secretKey.reveal(),
      useCompression: transport.useCompression,
    })
  }

  /**
   * Asks for the proxy on a stream of its own. Rejects with ABORTED, PROXY_REFUSED, AUTH_FAILED,
   * PROTOCOL_ERROR, SESSION_CLOSED or TIMED_OUT.
   */
  async open<Early = undefined>(
    from: VisitorSession,
    options: ExchangeOptions<Early>,
  ): Promise<Opened<Early>> {
    // The owner takes one key once: whatever a server answers, it cannot make him hear twice what
    // was sent early, as long as he runs.
    const pair = newKeyPair()
    const offered = new Set<string>()
    while (offered.size < MAX_PREKEYS) {
      const opened = await this.#try(from, { ...options, pair, offered })
      if (opened !== undefined) return opened
    }
    throw new TunnelError('AUTH_FAILED', 'the server gives another prekey each time')
  }

  /** The owner is likely to have the prekey still that was the last one we heard of. */
  knowsPrekey(now: number): boolean {
    return now - this.#heardAt < PREKEY_LIFE_MS
  }

  /**
   * Learns the prekey as soon as there is a session, so that the first user need not wait for it.
   * Where the owner has not come yet, he asks. Never rejects.
   */
  async prepare(host: VisitorHost, signal: AbortSignal): Promise<void> {
    const { clock, log } = host
    try {
      await this.learn(await host.session({ signal }), { signal, clock })
    } catch (error) {
      log.debug(`no prekey yet: ${errorDetail(error)}`)
    }
  }

  /** Asks a server of ours for the prekey, and the owner for nothing. Rejects as `open`. */
  async learn(from: VisitorSession, { signal, clock }: ExchangeOptions<never>): Promise<void> {
    if (this.#secret.wasEndToEnd || !from.features.includes('visitor-e2e')) return
    const channel = new MessageChannel(await from.session.openStream(), { clock })
    try {
      const { offer, accept } = await this.#secret.connect()
      const quicfrp = { ...offer, early: true }
      const { quicfrp: answer } = await ask(channel, { ...this.#message(from), quicfrp }, signal)
      // A real owner has none.
      if (answer === undefined || answer.prekey === '') return
      accept(answer)
      this.#heardAt = clock.now()
    } finally {
      channel.destroy()
    }
  }

  /** Undefined where another prekey has come, which is known from now on. */
  async #try<Early>(
    from: VisitorSession,
    { signal, clock, early: begin, pair, offered }: TryOptions<Early>,
  ): Promise<Opened<Early> | undefined> {
    const stream = await from.session.openStream()
    const channel = new MessageChannel(stream, { clock })
    try {
      let early: Early | undefined
      const sealed = await this.#agree(channel, from, {
        signal,
        pair,
        offered,
        early: begin && (sealing => (early = begin(stream, sealing))),
      })
      if (begin !== undefined && sealed?.isProven === false) {
        channel.destroy()
        return undefined
      }
      if (sealed !== undefined) this.#heardAt = clock.now()
      channel.detach()
      stream.setPriority?.(this.config.transport.priority)
      // Until it has its next owner, an error of it belongs to nobody; 'close' tells the same.
      stream.on('error', ignore)
      return { stream, sealed, early }
    } catch (error) {
      channel.destroy()
      throw error
    }
  }

  async #agree(
    channel: MessageChannel,
    from: VisitorSession,
    { signal, early, pair, offered }: Omit<TryOptions<never>, 'clock' | 'early'> & {
      readonly early: ((sealing: Sealing) => void) | undefined
    },
  ): Promise<Sealed | undefined> {
    if (!from.features.includes('visitor-e2e')) {
      this.#acceptPlain('the server is a real frps')
      await ask(channel, this.#plain(from, Math.floor(Date.now() / 1_000)), signal)
      return undefined
    }
    const connection = await this.#secret.connect(pair)
    // With the same two keys the next bytes would be sealed as the last ones were.
    if (offered.has(connection.offer.prekey)) {
      throw new TunnelError('AUTH_FAILED', 'the server gives a prekey that was of no use')
    }
    offered.add(connection.offer.prekey)
    const isEarly = early !== undefined
    const quicfrp = { ...connection.offer, ...this.#wishes(from), early: isEarly }
    const answering = ask(channel, { ...this.#message(from), quicfrp }, signal)
    if (connection.early !== undefined) early?.(connection.early)
    const { quicfrp: answer } = await answering
    if (answer === undefined) {
      throw new TunnelError('PROTOCOL_ERROR', 'the server did not answer the offer of a visitor')
    }
    if (answer.prekey !== '') return connection.accept(answer)
    this.#acceptPlain('the proxy belongs to a real frpc')
    await ask(channel, this.#plain(from, answer.challenge), signal)
    return undefined
  }

  /**
   * Nobody can pretend unnoticed that an owner of ours has become a real one: what was end to end
   * once stays so while this process lives.
   */
  #acceptPlain(because: string): void {
    if (this.config.requireEndToEnd) {
      throw new TunnelError('AUTH_FAILED', `requireEndToEnd is set, and ${because}`)
    }
    if (this.#secret.wasEndToEnd) {
      const detail = `it was end to end before, and now ${because}; if that is right, restart frpc`
      throw new TunnelError('AUTH_FAILED', detail)
    }
    // There is no relay for it; lib/visitor/xtcp.ts goes frp's way then.
    if (this.config.type === 'xtcp') throw new TunnelError('UNSUPPORTED', because)
  }

  #plain(from: VisitorSession, timestamp: number): Draft<NewVisitorConn> {
    const signKey = authKey(this.config.secretKey.reveal(), timestamp)
    return { ...this.#message(from), sign_key: signKey, timestamp }
  }

  #wishes({ features }: VisitorSession): { readonly priority?: string } {
    const { priority } = this.config.transport
    return priority === 'auto' || !features.includes('priority') ? {} : { priority }
  }

  #message({ runId }: VisitorSession): Draft<NewVisitorConn> {
    const { useEncryption, useCompression } = this.config.transport
    return {
      type: 'NewVisitorConn',
      run_id: runId,
      proxy_name: this.name,
      use_encryption: useEncryption,
      use_compression: useCompression,
    }
  }
}

async function ask(
  channel: MessageChannel,
  message: Draft<NewVisitorConn>,
  signal: AbortSignal,
): Promise<NewVisitorConnResp> {
  channel.send(message)
  const options = { timeoutMs: ANSWER_TIMEOUT_MS, signal }
  const answer = await channel.readExpected('NewVisitorConnResp', options)
  if (answer.error !== '') throw new TunnelError('PROXY_REFUSED', printable(answer.error))
  return answer
}

/** A text of the peer, fit for one log line. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ').slice(0, MAX_TEXT)
}

function ignore(): void {}
