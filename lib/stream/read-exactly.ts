// The first bytes of a stream that is read by somebody else afterwards.

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { TunnelError } from '../errors.ts'

/** Longest wait for them. */
const TIMEOUT_MS = 10_000

/** So many bytes, and not one more. Rejects with SESSION_CLOSED or TIMED_OUT. */
export function readExactly(stream: Duplex, length: number, clock: Clock): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      cancel()
      stream.off('readable', onReadable)
      stream.off('end', onOver)
      stream.off('close', onOver)
      stream.off('error', onOver)
      // Until the stream has its next owner an error of it belongs to nobody; 'close' follows.
      stream.on('error', ignore)
    }
    const fail = (error: TunnelError): void => {
      finish()
      reject(error)
    }
    const onReadable = (): void => {
      const bytes: Buffer | null = stream.read(length)
      if (bytes === null) return
      finish()
      if (bytes.length === length) resolve(bytes)
      else reject(new TunnelError('SESSION_CLOSED', 'the stream ended in its first bytes'))
    }
    const onOver = (): void => {
      fail(new TunnelError('SESSION_CLOSED', 'the stream ended before its first bytes'))
    }
    const cancel = clock.after(TIMEOUT_MS, () => {
      fail(new TunnelError('TIMED_OUT', 'the other side did not begin'))
    })
    stream.on('readable', onReadable)
    stream.on('end', onOver)
    stream.on('close', onOver)
    stream.on('error', onOver)
    if (stream.destroyed || stream.readableEnded) onOver()
    else onReadable()
  })
}

function ignore(): void {}
