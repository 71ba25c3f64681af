// The records that tell a peer of ours where a stream ends, beside its FIN, because quiche 0.18 can
// lose a FIN: it forgets a stream as soon as all its *bytes* are acknowledged and the other
// direction is over, although the FIN may still be unsent or lost on the way (one of 200 echoes
// hung). Notices travel on one unidirectional stream a side, which never ends.
// Sans-IO. Record: stream id(8) length(8), big-endian.

const RECORD_BYTES = 16

/**
 * The length of a stream that was reset: quiche can lose a RESET_STREAM in the same way as a FIN.
 */
export const ABORTED: number = Number.MAX_SAFE_INTEGER

export interface EndNotice {
  readonly streamId: number
  /** Bytes that the sender wrote to the stream in all, or ABORTED. */
  readonly length: number
}

export function encodeEndNotice({ streamId, length }: EndNotice): Buffer {
  const record = Buffer.alloc(RECORD_BYTES)
  record.writeBigUInt64BE(BigInt(streamId), 0)
  record.writeBigUInt64BE(BigInt(length), 8)
  return record
}

/** Puts records together from pieces of any size. */
export class EndNoticeReader {
  #rest: Buffer = Buffer.alloc(0)

  push(piece: Buffer): EndNotice[] {
    const bytes = Buffer.concat([this.#rest, piece])
    const notices: EndNotice[] = []
    let at = 0
    for (; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
      notices.push({
        streamId: Number(bytes.readBigUInt64BE(at)),
        length: Number(bytes.readBigUInt64BE(at + 8)),
      })
    }
    this.#rest = Buffer.from(bytes.subarray(at))
    return notices
  }
}
