// One line that says what is running: it overwrites itself on a terminal, and is a line for each
// step where the output goes to a file.

import { formatDuration } from './numbers.ts'

export interface Step {
  /** Runs that have ended, of all runs that are planned. */
  readonly done: number
  readonly total: number
  readonly scenario: string
  readonly peer: string
  /** From 1. */
  readonly round: number
  readonly rounds: number
  /** Since the first run began. */
  readonly elapsedMs: number
}

export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

const CLEAR = '\r\u001b[K'

export class ProgressLine {
  readonly #stream: ProgressStream

  constructor(stream: ProgressStream) {
    this.#stream = stream
  }

  show(step: Step): void {
    const text = describeStep(step)
    if (this.#stream.isTTY !== true) {
      this.#stream.write(`${text}\n`)
      return
    }
    // A line that wraps cannot be cleared, and the last column wraps on some terminals.
    const columns = this.#stream.columns ?? 80
    this.#stream.write(CLEAR + text.slice(0, Math.max(columns - 1, 1)))
  }

  /** Leaves the cursor where other output can begin. Safe to call twice. */
  end(): void {
    if (this.#stream.isTTY === true) this.#stream.write(CLEAR)
  }
}

/** `[ 7/24] keystroke of ours-tcp, round 2 of 3, about 40 s left`. */
export function describeStep(step: Step): string {
  const { done, total, scenario, peer, round, rounds, elapsedMs } = step
  const current = String(Math.min(done + 1, total)).padStart(String(total).length)
  const text = `[${current}/${total}] ${scenario} of ${peer}, round ${round} of ${rounds}`
  // The first runs say too little of the others, which may take longer.
  if (done < 3 || done >= total) return text
  return `${text}, about ${formatDuration((elapsedMs / done) * (total - done))} left`
}
