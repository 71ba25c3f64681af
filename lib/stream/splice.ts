// Joins two byte flows: the data plane above the transports. It decides when an end in one
// direction ends the other; what is carried, counted or encrypted is its callers' business.

import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { isDirectSource, LENT_KEPT, LENT_STOP, LENT_TAKEN, type DirectSource } from './direct.ts'

export interface SpliceOptions {
  /**
   * True keeps the directions independent: an end on one side becomes an end on the other, and the
   * answer still flows. False is frp's rule (frp-wire.md section 5.2): the first end closes both
   * sides, after what was already received has been delivered.
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
 * Joins `a` and `b` until both are closed, and owns both from the call on: they are always
 * destroyed at the end. A slow side stops the other one. Never rejects.
 */
export function splice(a: Duplex, b: Duplex, { halfClose }: SpliceOptions): Promise<SpliceResult> {
  return new Promise(resolve => {
    let error: Error | undefined
    let open = 2
    const onError = (cause: Error): void => {
      error ??= cause
    }
    const onClose = (): void => {
      if (--open > 0) return
      const count = { aToB: forward.count, bToA: backward.count }
      resolve(error === undefined ? count : { ...count, error })
    }
    const join = (from: Duplex, to: Duplex): { count: number } => {
      const flow = pump(from, to)
      const onEnd = (): void => {
        if (halfClose) to.end()
        else endBoth(from, to)
      }
      // A stream whose head was read by somebody else may have come to its end by then.
      if (from.readableEnded) onEnd()
      else from.on('end', onEnd)
      from.on('error', onError)
      from.on('close', () => {
        // A side that vanished without an end, or under frp's rule any side that is gone, takes the
        // other along.
        if (!from.readableEnded || error !== undefined) to.destroy()
        else if (!halfClose) endBoth(from, to)
        onClose()
      })
      return flow
    }
    const forward = join(a, b)
    const backward = join(b, a)
    // A side that was closed before the call emits nothing any more.
    for (const [side, other] of [
      [a, b],
      [b, a],
    ] as const) {
      if (!side.closed) continue
      onClose()
      other.destroy()
    }
  })
}

/** Delivers what is queued for `to`, then closes both. */
function endBoth(from: Duplex, to: Duplex): void {
  if (to.writableFinished || to.destroyed) {
    to.destroy()
    from.destroy()
    return
  }
  to.end(() => {
    to.destroy()
    from.destroy()
  })
}

/** Moves bytes one way; the returned counter is live. */
function pump(from: Duplex, to: Duplex): { count: number } {
  if (isDirectSource(from) && to instanceof Socket) return pumpDirect(from, to)
  const flow = { count: 0 }
  const gather = to instanceof Socket ? gatherer(to) : undefined
  from.on('data', (chunk: Buffer) => {
    flow.count += chunk.length
    gather?.()
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  return flow
}

/**
 * Chunks that come in one callback (TLS records of 16 KiB) leave in one system call. With the
 * high-water mark of proxy/host.ts 4.2-4.8 Gbit/s through a tunnel in TCP mode; without both
 * 3.7-4.1, real frp 3.1-3.5.
 */
function gatherer(to: Socket): () => void {
  let isCorked = false
  const uncork = (): void => {
    isCorked = false
    to.uncork()
  }
  return () => {
    if (isCorked) return
    isCorked = true
    to.cork()
    process.nextTick(uncork)
  }
}

/**
 * The same without a buffer per chunk: libuv writes to a socket at once where the kernel has room,
 * and a queue length of zero after the write says that the memory is free again.
 */
function pumpDirect(from: DirectSource, to: Socket): { count: number } {
  const flow = { count: 0 }
  to.on('drain', () => from.resumeDirect())
  from.readDirect(chunk => {
    flow.count += chunk.length
    const hasRoom = to.write(chunk)
    if (to.writableLength === 0) return LENT_TAKEN
    return hasRoom ? LENT_KEPT : LENT_KEPT | LENT_STOP
  })
  return flow
}
