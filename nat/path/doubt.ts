// The route in use may be dead. While that is open, everything is sent twice, the route is probed,
// and in a moment there is a verdict (DEGRADED in nat-traversal.md §5.6). Sans-IO.

/** Without an answer for so long the route is given up. */
const VERDICT_AFTER_MS = 1000
/** A direct path in reserve that answered meanwhile is taken after that: it costs no relay. */
const RESERVE_AFTER_MS = 300
/** Doubts that follow each other so closely want more answers each, or copies would come and go. */
const RECENT_MS = 10_000
const MAX_ANSWERS = 4

/** Sent all along: with a tenth of the packets lost each way, ten of ten hardly ever are. */
export const DOUBT_PROBES = 10

export class Doubt {
  readonly reason: string
  readonly since: number
  readonly #answersWanted: number
  #answersLeft: number

  constructor(reason: string, { before }: { readonly before: Doubt | undefined }, now: number) {
    this.reason = reason
    this.since = now
    const isRecent = before !== undefined && now - before.since < RECENT_MS
    this.#answersWanted = isRecent ? Math.min(MAX_ANSWERS, before.#answersWanted + 1) : 1
    this.#answersLeft = this.#answersWanted
  }

  /** The probe was sent at `sentAt`; those from before the doubt prove nothing. */
  handleAnswer(sentAt: number): void {
    if (sentAt >= this.since) this.#answersLeft--
  }

  get isSettled(): boolean {
    return this.#answersLeft <= 0
  }

  /** From then on a proven path in reserve is better. */
  get reserveAt(): number {
    return this.since + RESERVE_AFTER_MS
  }

  get verdictAt(): number {
    return this.since + VERDICT_AFTER_MS
  }
}
