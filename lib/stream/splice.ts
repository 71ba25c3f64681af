// Joins two byte flows: the data plane above the transports. It decides when an end in one direction ends the other;
// what is carried, counted or encrypted is its callers' business.

import type { Duplex } from 'node:stream'

export interface SpliceOptions {
  /**
   * True keeps the directions independent: an end on one side becomes an end on the other, and the answer still flows.
   * False is frp's rule (frp-wire.md section 5.2): the first end closes both sides, after what was already
   * received has been delivered.
   */
  readonly halfClose: boolean
}

export interface SpliceResult {
  /** Bytes that were read from `a` and taken by `b`. */
  readonly aToB: number
  readonly bToA: number
  /** The first error that ended the flow; absent when both directions ended in order. */
  readonly error?: Error
}

/**
 * Joins `a` and `b` until both are closed, and owns both from the call on: they are always destroyed at the end.
 * A slow side stops the other one. Never rejects.
 */
export function splice(a: Duplex, b: Duplex, { halfClose }: SpliceOptions): Promise<SpliceResult> {
  return new Promise(resolve => {
    const count = { aToB: 0, bToA: 0 }
    let error: Error | undefined
    let open = 2
    const onClose = (): void => {
      if (--open > 0) return
      resolve(error === undefined ? count : { ...count, error })
    }
    const forward = (from: Duplex, to: Duplex, direction: 'aToB' | 'bToA'): void => {
      from.on('data', (chunk: Buffer) => {
        count[direction] += chunk.length
        if (!to.write(chunk)) from.pause()
      })
      to.on('drain', () => from.resume())
      from.on('end', () => {
        if (halfClose) to.end()
        else to.end(() => from.destroy())
      })
      from.on('error', cause => {
        error ??= cause
        to.destroy()
      })
      from.on('close', () => {
        onClose()
        // A side that vanished without an end cannot be answered any more.
        if (!from.readableEnded) to.destroy()
        else if (!halfClose) to.end(() => to.destroy())
      })
    }
    forward(a, b, 'aToB')
    forward(b, a, 'bToA')
  })
}
