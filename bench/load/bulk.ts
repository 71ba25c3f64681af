// Load: one TCP stream as fast as it goes, counted at the receiver over a window after a warm-up.

import { connect } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuSeconds } from '../usage.ts'
import type { BulkRequest, BulkResult } from './messages.ts'
import { RECEIVE_BYTES, sendForever } from './services.ts'
import type { Services } from './services.ts'

interface Snapshot extends Omit<BulkResult, 'elapsedMs'> {
  readonly atMs: number
}

export async function runBulk(request: BulkRequest, services: Services): Promise<BulkResult> {
  let received = 0
  const socket = connect({
    host: '127.0.0.1',
    port: request.port,
    noDelay: true,
    // One buffer for all reads: allocating 64 kB for each would be a quarter of the load's own
    // work.
    onread: {
      buffer: Buffer.allocUnsafeSlow(RECEIVE_BYTES),
      callback: bytes => {
        received += bytes
        return true
      }
    }
  })
  const count = request.direction === 'down' ? () => received : () => services.sinkBytes()
  const start = count()
  // A stream that ends in its window has no rate: whoever waits below is woken by the end.
  const broken = new Promise<never>((_resolve, reject) => {
    socket.once('error', reject)
    socket.once('close', () =>
      reject(new Error('the connection was closed in the middle of the transfer'))
    )
  })
  broken.catch(() => {}) // it rejects also when we close the socket ourselves, with nobody waiting
  const elapse = (ms: number) => Promise.race([sleep(ms), broken])
  try {
    await Promise.race([once(socket, 'connect'), broken])
    if (request.direction === 'up') sendForever(socket, Infinity)
    await elapse(request.warmUpMs)
    if (count() === start) throw new Error(`no byte came through within ${request.warmUpMs} ms`)

    const before = snapshot(request.pids, count())
    await elapse(request.measureMs)
    const after = snapshot(request.pids, count())
    return {
      bytes: after.bytes - before.bytes,
      elapsedMs: after.atMs - before.atMs,
      cpuSeconds: after.cpuSeconds - before.cpuSeconds,
      loadCpuSeconds: after.loadCpuSeconds - before.loadCpuSeconds
    }
  } finally {
    socket.destroy()
  }
}

function snapshot(pids: readonly number[], bytes: number): Snapshot {
  const own = process.cpuUsage()
  return {
    bytes,
    atMs: performance.now(),
    cpuSeconds: pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
    loadCpuSeconds: (own.user + own.system) / 1e6
  }
}
