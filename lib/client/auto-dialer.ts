// The way to a server when no transport is prescribed: a shell around the race of QUIC and TCP.
// What is dialled when, and what is remembered, is decided in race.ts.

import type { Clock } from '../clock.ts'
import { errorText, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Session } from '../transport/transport.ts'
import type { Way } from './attempt.ts'
import { Race, RaceMemory, type RaceOutput, type RaceWay } from './race.ts'

export interface AutoDialerOptions {
  readonly quic: Way
  readonly tcp: Way
  readonly clock: Clock
  readonly log: Logger
  /**
   * Names the network that this machine is in, as text; another text means that nothing learned
   * holds any more.
   */
  readonly network: () => string
}

/** Closes both ways when it is closed. */
export function autoDialer(options: AutoDialerOptions): Way {
  const memory = new RaceMemory()
  const closing = new AbortController()
  return {
    dial({ signal } = {}) {
      return new RaceRun(options, memory, { signal, closing: closing.signal }).run()
    },
    async close() {
      closing.abort()
      await Promise.all([options.quic.close(), options.tcp.close()])
    },
  }
}

class RaceRun {
  readonly #options: AutoDialerOptions
  readonly #race: Race
  readonly #signal: AbortSignal | undefined
  readonly #closing: AbortSignal
  readonly #dials = new Map<RaceWay, AbortController>()
  readonly #sessions = new Map<RaceWay, Session>()
  readonly #errors = new Map<RaceWay, unknown>()
  #settle: { resolve(session: Session): void; reject(error: unknown): void } | undefined
  #cancelTimer: (() => void) | undefined
  #pending = 0
  #isDecided = false

  constructor(
    options: AutoDialerOptions,
    memory: RaceMemory,
    signals: { readonly signal: AbortSignal | undefined; readonly closing: AbortSignal },
  ) {
    this.#options = options
    this.#signal = signals.signal
    this.#closing = signals.closing
    const network = options.network()
    const remembered = memory.recall(network)
    const learn = (winner: RaceWay): void => memory.learn(winner, network)
    this.#race = new Race({ remembered, learn }, options.clock.now())
  }

  run(): Promise<Session> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      if (this.#signal?.aborted || this.#closing.aborted) return this.#abort()
      this.#signal?.addEventListener('abort', this.#abort)
      // A late QUIC goes on after the race, but not after the client.
      this.#closing.addEventListener('abort', this.#abort)
      this.#drive()
    })
  }

  readonly #abort = (): void => {
    this.#finish()
    this.#settle?.reject(new TunnelError('ABORTED', 'dialling was aborted'))
    for (const dial of this.#dials.values()) dial.abort()
  }

  /** The race is decided. */
  #finish(): void {
    this.#isDecided = true
    this.#cancelTimer?.()
    this.#signal?.removeEventListener('abort', this.#abort)
    this.#release()
  }

  #release(): void {
    if (this.#isDecided && this.#pending === 0) {
      this.#closing.removeEventListener('abort', this.#abort)
    }
  }

  #drive(): void {
    const { clock } = this.#options
    for (;;) {
      const output = this.#race.poll(clock.now())
      if (!output) break
      this.#perform(output)
    }
    this.#cancelTimer?.()
    const deadline = this.#isDecided ? undefined : this.#race.deadline()
    this.#cancelTimer =
      deadline === undefined
        ? undefined
        : clock.after(deadline - clock.now(), () => this.#drive())
  }

  #perform(output: RaceOutput): void {
    switch (output.type) {
      case 'dial':
        this.#dial(output.way)
        return
      case 'won': {
        const session = this.#sessions.get(output.way)
        this.#sessions.delete(output.way)
        this.#finish()
        if (session) this.#settle?.resolve(session)
        return
      }
      case 'drop':
        this.#dials.get(output.way)?.abort()
        void this.#sessions.get(output.way)?.close('another way was quicker')
        return
      case 'failed':
        this.#finish()
        this.#settle?.reject(this.#failure())
        return
      default:
        output satisfies never
    }
  }

  #dial(way: RaceWay): void {
    const { clock, log } = this.#options
    const abort = new AbortController()
    this.#dials.set(way, abort)
    this.#pending++
    this.#options[way].dial({ signal: abort.signal }).then(
      session => {
        this.#pending--
        this.#sessions.set(way, session)
        this.#race.handleEstablished(way)
        this.#drive()
        this.#release()
        // Reports after a drop change nothing in the race, so this session has no owner.
        if (abort.signal.aborted) void session.close('another way was quicker')
      },
      (error: unknown) => {
        this.#pending--
        if (!abort.signal.aborted) log.debug(`${way}: ${errorText(error)}`)
        this.#errors.set(way, error)
        const forGood = error instanceof TunnelError && error.code === 'UNSUPPORTED'
        this.#race.handleFailed(way, clock.now(), { forGood })
        this.#drive()
        this.#release()
      },
    )
  }

  /** Both reasons; the code is that of TCP, which knows more of why (refused, certificate). */
  #failure(): TunnelError {
    const texts = (['quic', 'tcp'] as const).map(way => {
      const error = this.#errors.get(way)
      const text = error instanceof TunnelError ? error.detail : error && errorText(error)
      return `${way}: ${text || 'no answer'}`
    })
    const cause = this.#errors.get('tcp') ?? this.#errors.get('quic')
    const code = cause instanceof TunnelError ? cause.code : 'CONNECT_FAILED'
    return new TunnelError(code, texts.join('; '), { cause })
  }
}
