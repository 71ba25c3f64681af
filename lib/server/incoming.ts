// What arrives at the server's door: sessions, and the first message of each of their streams. It
// decides only who gets the stream then; strangers are bounded by Admission (admission.ts).

import { formatAddress } from '../address.ts'
import type { Clock } from '../clock.ts'
import { Alarm } from '../control/alarm.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Session, Stream } from '../transport/transport.ts'
import { MessageChannel } from '../wire/channel.ts'
import type {
  Login,
  NewBench,
  NewVisitorConn,
  NewWorkConn,
  StartBench,
  StunTest,
} from '../wire/messages.ts'
import { Admission } from './admission.ts'

export interface IncomingHandlers {
  /** The channel has read the Login and nothing else. `settled` says that the login was good. */
  onLogin(session: Session, channel: MessageChannel, login: Login): void
  /** The stream is at the first byte after NewWorkConn. True when it was taken. */
  onWorkConn(stream: Stream, message: NewWorkConn): boolean
  /** Resolves with true unless the visitor was refused. Rejects when he sent something else. */
  onVisitorConn(
    session: Session,
    channel: MessageChannel,
    message: NewVisitorConn,
  ): Promise<boolean>
  onStunTest(session: Session, channel: MessageChannel, message: StunTest): void
  onNewBench(session: Session, channel: MessageChannel, message: NewBench): void
  onStartBench(session: Session, channel: MessageChannel, message: StartBench): void
}

/** frp's time for the first message of a stream (frp-wire.md section 1.2). */
const FIRST_MESSAGE_MS = 10_000

/** Streams of one session that may be without a first message: before its login, and after. */
const MAX_SILENT_STRANGER = 16
const MAX_SILENT_CLIENT = 1024

interface Guest {
  isSettled: boolean
  silentStreams: number
}

export class Incoming {
  readonly #handlers: IncomingHandlers
  readonly #clock: Clock
  readonly #log: Logger
  readonly #admission = new Admission<Session>()
  readonly #sessions = new Map<Session, Guest>()
  readonly #alarm: Alarm

  constructor(handlers: IncomingHandlers, { clock, log }: { clock: Clock; log: Logger }) {
    this.#handlers = handlers
    this.#clock = clock
    this.#log = log
    this.#alarm = new Alarm(clock, () => this.#drain())
  }

  /** Every session that is open, logged in or not. */
  get sessions(): readonly Session[] {
    return [...this.#sessions.keys()]
  }

  handleSession(session: Session): void {
    const { remoteAddress, protocol } = session
    const guest = { isSettled: false, silentStreams: 0 }
    this.#sessions.set(session, guest)
    this.#admission.handleSession(session, { ip: remoteAddress.ip, protocol }, this.#clock.now())
    this.#drain()
    void session.closed.then(() => {
      this.#sessions.delete(session)
      this.#admission.handleSettled(session)
      this.#drain()
    })
    session.onStream(stream => void this.#handleStream(session, guest, stream))
  }

  /** The session is no stranger any more. */
  settle(session: Session): void {
    const guest = this.#sessions.get(session)
    if (guest !== undefined) guest.isSettled = true
    this.#admission.handleSettled(session)
    this.#drain()
  }

  /** Whether it has ever logged in. */
  isSettled(session: Session): boolean {
    return this.#sessions.get(session)?.isSettled ?? false
  }

  mayLogin(session: Session): boolean {
    return this.#admission.mayLogin(session.remoteAddress.ip, this.#clock.now())
  }

  handleFailedLogin(session: Session): void {
    this.#admission.handleFailure(session.remoteAddress.ip, this.#clock.now())
  }

  /** Never rejects. */
  async #handleStream(session: Session, guest: Guest, stream: Stream): Promise<void> {
    const limit = guest.isSettled ? MAX_SILENT_CLIENT : MAX_SILENT_STRANGER
    if (guest.silentStreams >= limit) {
      stream.on('error', ignore)
      stream.destroy()
      return
    }
    const channel = new MessageChannel(stream, { clock: this.#clock })
    try {
      guest.silentStreams++
      const message = await channel
        .readMessage({ timeoutMs: FIRST_MESSAGE_MS })
        .finally(() => guest.silentStreams--)
      switch (message.type) {
        case 'Login':
          this.#handlers.onLogin(session, channel, message)
          break
        case 'NewWorkConn':
          this.#handleWorkConn(session, channel, message)
          break
        case 'NewVisitorConn':
          // As with work streams: without multiplexing the session is this one stream.
          if ((await this.#handlers.onVisitorConn(session, channel, message)) && !session.canOpen) {
            this.settle(session)
          }
          break
        case 'StunTest':
          this.#handlers.onStunTest(session, channel, message)
          break
        case 'NewBench':
          this.#handlers.onNewBench(session, channel, message)
          break
        case 'StartBench':
          this.#handlers.onStartBench(session, channel, message)
          break
        default:
          throw new TunnelError('PROTOCOL_ERROR', `the first message is ${message.type}`)
      }
    } catch (error) {
      this.#turnAway(session, guest, error)
      channel.destroy()
    }
  }

  #handleWorkConn(session: Session, channel: MessageChannel, message: NewWorkConn): void {
    const stream = channel.detach()
    stream.on('error', ignore)
    // Without multiplexing a work stream is a session of its own; with it, a session is known by
    // its Login only.
    if (this.#handlers.onWorkConn(stream, message) && !session.canOpen) this.settle(session)
  }

  /**
   * A browser, a scanner, a broken or a slow peer. A stranger loses his session, a client only the
   * stream.
   */
  #turnAway(session: Session, guest: Guest, error: unknown): void {
    const from = formatAddress(session.remoteAddress)
    const detail = errorDetail(error)
    const isHangUp = error instanceof TunnelError && error.code === 'SESSION_CLOSED'
    if (isHangUp) this.#log.debug(`[${from}] left without a message: ${detail}`)
    else this.#log.warn(`[${from}] sent no valid message: ${detail}`)
    if (!guest.isSettled) void session.close('no valid message')
  }

  #drain(): void {
    for (;;) {
      const output = this.#admission.poll(this.#clock.now())
      if (output === undefined) break
      const from = formatAddress(output.session.remoteAddress)
      this.#log.debug(`[${from}] is closed without a login: ${output.reason}`)
      void output.session.close(output.reason)
    }
    this.#alarm.set(this.#admission.deadline())
  }
}

function ignore(): void {}
