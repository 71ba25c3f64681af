// How late the router is: a histogram of fixed size, because every packet is counted.

const STEP_MS = 0.005
const STEPS = 1000

export class Lateness {
  readonly #counts = new Uint32Array(STEPS + 1)
  #total = 0
  #maxMs = 0

  add(lateMs: number): void {
    const step = Math.min(STEPS, Math.floor(Math.max(0, lateMs) / STEP_MS))
    this.#counts[step] = (this.#counts[step] ?? 0) + 1
    this.#total += 1
    if (lateMs > this.#maxMs) this.#maxMs = lateMs
  }

  get maxMs(): number {
    return this.#maxMs
  }

  /** The upper end of the step that `share` of all packets do not exceed; 0 without packets. */
  quantile(share: number): number {
    let left = share * this.#total
    for (let step = 0; step <= STEPS; step++) {
      left -= this.#counts[step] ?? 0
      if (left <= 0) return this.#total === 0 ? 0 : (step + 1) * STEP_MS
    }
    return this.#maxMs
  }
}
