// What a visitor's local port makes of the visitor: it opens once the client has logged in, may be
// taken for a while, and may not be wanted at all (bindPort = -1: users come by fallbackTo).

import type { VisitorHost, VisitorPhase, VisitorState } from './host.ts'

/** Tries again by itself while its port is taken. */
export interface LocalDoor {
  /** `127.0.0.1:6000` while it is open, else empty. */
  readonly address: string
  /** Why it is not open; empty while nothing is wrong. */
  readonly error: string
  open(): void
}

export interface EntranceOptions {
  readonly host: Pick<VisitorHost, 'log' | 'changed'>
  /** Negative = do not listen. */
  readonly bindPort: number
}

export class Entrance {
  readonly #door: LocalDoor
  readonly #options: EntranceOptions
  #isStarted = false
  #isClosed = false

  constructor(door: LocalDoor, options: EntranceOptions) {
    this.#door = door
    this.#options = options
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** True the first time. */
  start(): boolean {
    if (this.#isStarted) return false
    this.#isStarted = true
    this.#door.open()
    if (this.#options.bindPort < 0) this.handleChange()
    return true
  }

  /** The address or the error of the door is another one. */
  handleChange(): void {
    const { host } = this.#options
    const { phase, localAddr } = this.state()
    if (phase === 'running') {
      const where = localAddr === '' ? '' : `, listening on ${localAddr}`
      host.log.info(`start visitor success${where}`)
    }
    host.changed()
  }

  /** The visitor is closing; its door is closed by it. */
  close(): void {
    this.#isClosed = true
  }

  state(): Omit<VisitorState, 'route' | 'peer'> {
    const { address: localAddr, error } = this.#door
    return { phase: this.#phase(), localAddr, error }
  }

  #phase(): VisitorPhase {
    if (this.#isClosed) return 'closed'
    if (this.#door.error !== '') return 'start error'
    const isOpen = this.#door.address !== '' || this.#options.bindPort < 0
    return this.#isStarted && isOpen ? 'running' : 'waiting'
  }
}
