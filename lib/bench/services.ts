// What the server is to a bench: the source, the sink and the echoes that bench/load/services.ts is
// elsewhere, on a stream instead of a socket. Each owns its stream and ends with it.

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { FlowLink } from '../datagram/index.ts'
import { isDirectSource, LENT_TAKEN } from '../stream/direct.ts'

const CHUNK_BYTES = 64 * 1024
/**
 * Not so regular that a compressing path would measure itself; streams keep it while it waits, and
 * nobody writes into it.
 */
const CHUNK = Buffer.from(Uint8Array.from({ length: CHUNK_BYTES }, (_, at) => (at * at * 31) >>> 7))

/** The sink tells so often what it has: {float64 milliseconds, float64 bytes}, big endian. */
const REPORT_MS = 20
const REPORT_BYTES = 16
/** A client that does not read its reports gets fewer of them. */
const MAX_UNREAD_BYTES = 4096

/** Sends as fast as the stream takes, until it is closed. What comes is dropped. */
export function serveSource(stream: Duplex): void {
  const fill = (): void => {
    while (!stream.destroyed && stream.writable && stream.write(CHUNK)) {
      // Until the stream is full.
    }
  }
  stream.on('drain', fill)
  stream.on('end', () => stream.destroy())
  stream.resume()
  fill()
}

/** Counts what comes and tells the client on the same stream, from the first byte on. */
export function serveSink(stream: Duplex, clock: Clock): void {
  let bytes = 0
  let beganAt = 0
  let cancel: (() => void) | undefined
  const report = (): void => {
    cancel = clock.after(REPORT_MS, report)
    if (!stream.writable || stream.writableLength > MAX_UNREAD_BYTES) return
    const text = Buffer.allocUnsafe(REPORT_BYTES)
    text.writeDoubleBE(clock.now() - beganAt, 0)
    text.writeDoubleBE(bytes, 8)
    stream.write(text)
  }
  const take = (chunk: Buffer): number => {
    const isFirst = bytes === 0
    bytes += chunk.length
    if (isFirst) {
      beganAt = clock.now()
      report()
    }
    return LENT_TAKEN
  }
  // As a tunnel would read it, without a buffer for each chunk.
  if (isDirectSource(stream)) stream.readDirect(take)
  else stream.on('data', take)
  stream.on('end', () => stream.destroy())
  stream.on('close', () => cancel?.())
}

/** Sends back what comes; who does not read his answers is not read any more. */
export function serveEcho(stream: Duplex): void {
  stream.pipe(stream)
}

/** Sends each datagram back to the flow it came on. */
export function serveDatagrams(link: FlowLink): void {
  link.onFlow(flow => flow.onPacket(packet => flow.send(packet)))
}
