// What a receiver had at which moment, and what follows from it: rates, time lines, silences. The
// sink tells it to the sender on the same connection, in reports of 16 bytes, so that a transfer is
// measured where it arrives, wherever that is and whatever clock it has.

import type { EpochMs, Progress } from './messages.ts'

/** Short against the silences that are looked for, and 7 kbit/s of traffic. */
export const REPORT_MS = 20
export const REPORT_BYTES = 16

const FIRST_ROOM = 1024

/** Now, as it can be compared with other processes of this machine. */
export function epochNow(): EpochMs {
  return performance.timeOrigin + performance.now()
}

export function encodeReport(elapsedMs: number, bytes: number): Buffer {
  const report = Buffer.allocUnsafe(REPORT_BYTES)
  report.writeDoubleBE(elapsedMs, 0)
  report.writeDoubleBE(bytes, 8)
  return report
}

/** Cuts reports out of a stream that may break them anywhere. */
export class ReportReader {
  readonly #onReport: (elapsedMs: number, bytes: number) => void
  readonly #report = Buffer.alloc(REPORT_BYTES)
  #have = 0

  constructor(onReport: (elapsedMs: number, bytes: number) => void) {
    this.#onReport = onReport
  }

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      const taken = chunk.copy(this.#report, this.#have, at)
      at += taken
      this.#have += taken
      if (this.#have < REPORT_BYTES) return
      this.#have = 0
      this.#onReport(this.#report.readDoubleBE(0), this.#report.readDoubleBE(8))
    }
  }
}

/** Two growing columns without a garbage object for each row. */
export class ProgressLog {
  #at = new Float64Array(FIRST_ROOM)
  #bytes = new Float64Array(FIRST_ROOM)
  #length = 0

  add(at: number, bytes: number): void {
    if (this.#length === this.#at.length) {
      this.#at = grown(this.#at)
      this.#bytes = grown(this.#bytes)
    }
    this.#at[this.#length] = at
    this.#bytes[this.#length] = bytes
    this.#length++
  }

  get lastAt(): number | undefined {
    return this.#length === 0 ? undefined : this.#at[this.#length - 1]
  }

  /** Rows so far, their times moved by `offsetMs`. */
  taken(offsetMs = 0): Progress {
    const at = this.#at.slice(0, this.#length)
    if (offsetMs !== 0) for (const [index, value] of at.entries()) at[index] = value + offsetMs
    return { at, bytes: this.#bytes.slice(0, this.#length) }
  }
}

/** Bytes that had arrived at a moment: 0 before the first row, evenly between two of them. */
export function bytesAt({ at, bytes }: Progress, moment: EpochMs): number {
  let low = 0
  let high = at.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((at[middle] ?? 0) <= moment) low = middle + 1
    else high = middle
  }
  // `low` rows are not later than the moment.
  const before = bytes[low - 1]
  if (before === undefined) return 0
  const after = bytes[low]
  const from = at[low - 1] ?? moment
  const to = at[low]
  if (after === undefined || to === undefined) return before
  return before + ((after - before) * (moment - from)) / (to - from)
}

/** Mbit/s between two moments. */
export function rateBetween(progress: Progress, from: EpochMs, to: EpochMs): number {
  return ((bytesAt(progress, to) - bytesAt(progress, from)) * 8) / 1e3 / (to - from)
}

/** Mbit/s in each step from `from` on, as far as whole steps reach before `to`. */
export function rateSteps(
  progress: Progress,
  { from, to, stepMs }: { readonly from: EpochMs; readonly to: EpochMs; readonly stepMs: number },
): number[] {
  const count = Math.max(0, Math.floor((to - from) / stepMs))
  return Array.from({ length: count }, (_, index) =>
    rateBetween(progress, from + index * stepMs, from + (index + 1) * stepMs),
  )
}

/** The longest time between two moments in which nothing arrived; steps of one report. */
export function longestSilence({ at, bytes }: Progress, from: EpochMs, to: EpochMs): number {
  let longest = 0
  let heardAt = from
  let had: number | undefined
  for (const [index, moment] of at.entries()) {
    const has = bytes[index] ?? 0
    const isNews = had === undefined || has > had
    had = has
    if (!isNews || moment <= from) continue
    const until = Math.min(moment, to)
    longest = Math.max(longest, until - heardAt)
    heardAt = until
    if (moment >= to) return longest
  }
  return Math.max(longest, to - heardAt)
}

function grown(column: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(column.length * 2)
  larger.set(column)
  return larger
}
