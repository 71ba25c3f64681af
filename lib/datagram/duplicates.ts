// Which packets of one flow have come: told by their sequence numbers, within a window. Sans-IO.

/** Packets behind the newest that can still be told from repetitions. */
const WINDOW = 64

/** What a packet is: new (and how far it is ahead of the newest before it), or to be dropped. */
export const STALE = -1

export class DuplicateWindow {
  #newest = -1
  /** Bit n: the packet n behind the newest came. Low and high half. */
  #low = 0
  #high = 0

  /**
   * Notes a packet that came whole. Gives how far it moved the window on: 0 for one that was
   * missing until now, 1 for the next one, more where others are missing; STALE for a repetition,
   * or one that is too late to know.
   */
  accept(sequence: number): number {
    if (this.#newest < 0) {
      this.#newest = sequence
      this.#low = 1
      return 1
    }
    const ahead = (sequence - this.#newest) & 0xffff
    if (ahead !== 0 && ahead < 0x8000) {
      this.#shift(ahead)
      this.#newest = sequence
      this.#low |= 1
      return ahead
    }
    const behind = (this.#newest - sequence) & 0xffff
    if (behind >= WINDOW || this.#has(behind)) return STALE
    if (behind < 32) this.#low |= 1 << behind
    else this.#high |= 1 << (behind - 32)
    return 0
  }

  /** True for a packet that came, or is too late; nothing is noted. */
  isStale(sequence: number): boolean {
    if (this.#newest < 0) return false
    const behind = (this.#newest - sequence) & 0xffff
    if (behind >= 0x8000) return false
    return behind >= WINDOW || this.#has(behind)
  }

  #has(behind: number): boolean {
    const half = behind < 32 ? this.#low : this.#high
    return (half & (1 << (behind & 31))) !== 0
  }

  #shift(ahead: number): void {
    if (ahead >= WINDOW) {
      this.#low = 0
      this.#high = 0
    } else if (ahead >= 32) {
      this.#high = this.#low << (ahead - 32)
      this.#low = 0
    } else {
      this.#high = (this.#high << ahead) | (this.#low >>> (32 - ahead))
      this.#low <<= ahead
    }
  }
}
