// Bytes that have come for a reader that is not ready. Costs about as much memory as it holds
// bytes, whatever the peer does: small pieces are copied together, because a slice of one byte
// keeps the whole chunk it was cut from alive, and six million of them would cost a hundred times
// what the window allows.

const MAX_BLOCK_BYTES = 16_384
const MIN_BLOCK_BYTES = 256

export class ReceiveQueue {
  readonly #pieces: Buffer[] = []
  #bytes = 0
  #block: Buffer | undefined // the last piece is the beginning of this one, which has room
  #blockUsed = 0

  get bytes(): number {
    return this.#bytes
  }

  push(piece: Buffer): void {
    this.#bytes += piece.length
    // A quarter of its chunk at least: then slices alone cost at most four times their bytes.
    if (piece.length * 4 >= piece.buffer.byteLength) {
      this.#block = undefined
      this.#pieces.push(piece)
      return
    }
    let at = 0
    while (at < piece.length) {
      const room = this.#block ? this.#block.length - this.#blockUsed : 0
      if (!this.#block || room === 0) {
        // As large as what waits already: few blocks for much, few bytes for little.
        const size = Math.max(MIN_BLOCK_BYTES, Math.min(MAX_BLOCK_BYTES, this.#bytes))
        this.#block = Buffer.allocUnsafeSlow(size)
        this.#blockUsed = 0
        this.#pieces.push(this.#block)
      } else {
        const end = Math.min(piece.length, at + room)
        piece.copy(this.#block, this.#blockUsed, at, end)
        this.#blockUsed += end - at
        this.#pieces[this.#pieces.length - 1] = this.#block.subarray(0, this.#blockUsed)
        at = end
      }
    }
  }

  shift(): Buffer | undefined {
    const piece = this.#pieces.shift()
    if (!piece) return undefined
    this.#bytes -= piece.length
    if (this.#pieces.length === 0) this.#block = undefined
    return piece
  }

  clear(): void {
    this.#pieces.length = 0
    this.#bytes = 0
    this.#block = undefined
  }
}
