// A secret connection as a stream of plain bytes, over a stream that frps carries.

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { TunnelError } from '../errors.ts'
import { layerStream } from '../stream/layers.ts'
import { WrappedStream } from '../stream/wrapped.ts'
import type { SessionKeys } from './agreement.ts'
import type { Guest } from './owner.ts'
import {
  RecordLayer,
  RecordReader,
  RecordWriter,
  type Refusal,
  REFUSALS,
  refusalRecord,
} from './records.ts'

/** Longest wait for the record that proves a visitor; he sends it with his first flight. */
const PROOF_TIMEOUT_MS = 10_000
/** How long a visitor may take to read why he was refused. */
const READ_REFUSAL_MS = 1_000
const EMPTY = Buffer.alloc(0)

export interface VisitorStreamOptions {
  readonly keys: SessionKeys
  readonly compression: boolean
  readonly isProven: boolean
}

/** The visitor's end. Owns `lower`. A proxy that refuses destroys it with AUTH_FAILED. */
export function visitorStream(lower: Duplex, options: VisitorStreamOptions): Duplex {
  const { keys, compression, isProven } = options
  const writer = new RecordWriter(keys.toProxy)
  // The owner waits for a proof, and the user may want to be spoken to first.
  if (!isProven) lower.write(writer.data(EMPTY))
  const layer = new RecordLayer(writer, new RecordReader(keys.toVisitor))
  return layerStream(new WrappedStream(lower, layer), { compression })
}

/**
 * The owner's end, once the visitor has shown that he knows the secret. Owns `lower` from the call
 * on: a visitor who is refused is told so. Rejects with AUTH_FAILED, PROTOCOL_ERROR, STREAM_RESET
 * or TIMED_OUT.
 */
export async function ownerStream(
  lower: Duplex,
  guest: Promise<Guest>,
  clock: Clock,
): Promise<Duplex> {
  try {
    const { keys, isProven, compression, prove } = await guest
    const reader = new RecordReader(keys.toProxy)
    const first = isProven ? EMPTY : await firstRecord(lower, reader, clock)
    const refusal = prove(clock.now())
    if (refusal !== undefined) throw new TunnelError('AUTH_FAILED', refusal)
    const layer = new RecordLayer(new RecordWriter(keys.toVisitor), reader, first)
    return layerStream(new WrappedStream(lower, layer), { compression })
  } catch (error) {
    refuse(lower, error, clock)
    throw error
  }
}

/** Reads no further than it must: the rest is in the reader or in the stream. */
function firstRecord(stream: Duplex, reader: RecordReader, clock: Clock): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      cancel()
      stream.off('readable', onReadable)
      stream.off('close', onGone)
      stream.off('end', onGone)
    }
    const fail = (error: unknown): void => {
      finish()
      reject(error)
    }
    const onGone = (): void => fail(new TunnelError('STREAM_RESET', 'the visitor has left'))
    const onReadable = (): void => {
      try {
        for (;;) {
          const record = reader.next()
          if (record !== undefined) {
            finish()
            resolve(record)
            return
          }
          const chunk: Buffer | null = stream.read()
          if (chunk === null) return
          reader.push(chunk)
        }
      } catch (error) {
        fail(error)
      }
    }
    const cancel = clock.after(PROOF_TIMEOUT_MS, () => {
      fail(new TunnelError('TIMED_OUT', `no proof within ${PROOF_TIMEOUT_MS / 1_000} s`))
    })
    if (stream.destroyed || stream.readableEnded) return onGone()
    stream.on('readable', onReadable)
    stream.on('close', onGone)
    stream.on('end', onGone)
    onReadable()
  })
}

/** Ends a stream whose visitor is not let in; he is told why. */
export function refuse(lower: Duplex, error: unknown, clock: Clock): void {
  lower.on('error', ignore)
  const refusal = error instanceof TunnelError ? refusalOf(error) : undefined
  if (refusal === undefined || lower.destroyed) {
    lower.destroy()
    return
  }
  const cancel = clock.after(READ_REFUSAL_MS, () => lower.destroy())
  lower.once('close', cancel)
  lower.end(refusalRecord(refusal))
  // Read to its end, or it never closes.
  lower.resume()
}

function refusalOf({ code, detail }: TunnelError): Refusal | undefined {
  if (code !== 'AUTH_FAILED') return undefined
  return REFUSALS.find(refusal => refusal === detail) ?? 'auth failed'
}

function ignore(): void {}
