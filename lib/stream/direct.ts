// A short cut for the data plane: a stream that lends its received bytes instead of giving them
// away, so that bulk goes from the decrypted packet to the socket without a buffer of its own for
// each chunk.

import type { Duplex } from 'node:stream'

/** What became of a lent chunk, as bits. */
export const LENT_TAKEN = 0
/** The memory is still in use: the lender must not touch it again. */
export const LENT_KEPT = 1
/** Lend no more until `resumeDirect`. */
export const LENT_STOP = 2

export interface DirectSource extends Duplex {
  /**
   * From now on received bytes go to `sink` instead of the readable side; what was buffered before
   * goes first. `chunk` is valid only during the call unless the answer has LENT_KEPT. 'end',
   * 'error' and 'close' stay as they are.
   */
  readDirect(sink: (chunk: Buffer) => number): void
  /** The sink has room again. */
  resumeDirect(): void
}

export function isDirectSource(stream: Duplex): stream is DirectSource {
  return 'readDirect' in stream && typeof stream.readDirect === 'function'
}
