// Load: one TCP stream as fast as it goes, counted at the receiver over a window after a warm-up.

import { connect } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuSeconds } from '../usage.ts'
import type { BulkRequest, BulkResult, EpochMs, Progress } from './messages.ts'
import { bytesAt, epochNow, ProgressLog, REPORT_MS, ReportReader } from './progress.ts'
import { RECEIVE_BYTES, sendForever } from './services.ts'

/** How long the sink's report on the end of the window is waited for: a full queue is on its way. */
const REPORT_LIMIT_MS = 3000

interface Usage {
  readonly at: EpochMs
  readonly cpuSeconds: number
  readonly loadCpuSeconds: number
}

export async function runBulk(request: BulkRequest): Promise<BulkResult> {
  const startedAt = epochNow()
  const receiver = request.direction === 'down' ? new OwnCount() : new ReportedCount()
  const socket = connect({
    host: request.host,
    port: request.port,
    noDelay: true,
    // One buffer for all reads: allocating 64 kB for each would be a quarter of the load's own
    // work.
    onread: {
      buffer: Buffer.allocUnsafeSlow(RECEIVE_BYTES),
      callback: (bytes, buffer) => {
        receiver.handleBytes(bytes, Buffer.from(buffer.buffer, buffer.byteOffset, bytes))
        return true
      },
    },
  })
  let brokenAt: EpochMs | undefined
  let isOver = false
  // A stream that ends in its window has no rate: whoever waits below is woken by the end.
  const broken = new Promise<void>((resolve, reject) => {
    const end = (error: Error): void => {
      if (isOver) return
      brokenAt ??= epochNow()
      if (request.mayBreak === true) resolve()
      else reject(error)
    }
    socket.once('error', end)
    socket.once('end', () => end(new Error('the connection ended in the middle of the transfer')))
    socket.once('close', () =>
      end(new Error('the connection was closed in the middle of the transfer')),
    )
  })
  broken.catch(() => {}) // raced below; nobody waits for it between two waits
  const elapse = (ms: number) => Promise.race([sleep(ms), broken])
  const sampling = setInterval(() => receiver.sample(), REPORT_MS)
  try {
    await Promise.race([once(socket, 'connect'), broken])
    if (request.direction === 'up') sendForever(socket, Infinity)
    await elapse(request.warmUpMs)
    receiver.sample()
    if (brokenAt === undefined && receiver.bytes === 0) {
      throw new Error(`no byte came through within ${request.warmUpMs} ms`)
    }
    const before = usage(request.pids)
    await elapse(request.measureMs)
    receiver.sample()
    const after = usage(request.pids)
    if (brokenAt === undefined) await Promise.race([receiver.reaches(after.at), broken])
    const progress = receiver.progress()
    return {
      bytes: bytesAt(progress, after.at) - bytesAt(progress, before.at),
      elapsedMs: after.at - before.at,
      cpuSeconds: after.cpuSeconds - before.cpuSeconds,
      loadCpuSeconds: after.loadCpuSeconds - before.loadCpuSeconds,
      startedAt,
      progress,
      ...(brokenAt !== undefined && { brokenAt }),
    }
  } finally {
    isOver = true
    clearInterval(sampling)
    socket.destroy()
  }
}

/** We are the receiver. */
class OwnCount {
  bytes = 0
  readonly #log = new ProgressLog()

  handleBytes(bytes: number): void {
    if (this.bytes === 0) this.#log.add(epochNow(), 0)
    this.bytes += bytes
  }

  sample(): void {
    if (this.bytes > 0) this.#log.add(epochNow(), this.bytes)
  }

  reaches(): Promise<void> {
    return Promise.resolve()
  }

  progress(): Progress {
    return this.#log.taken()
  }
}

/**
 * The sink is. Its clock is not ours: the report that came quickest says how far they are apart, so
 * that all moments are those of the receiver plus one shortest way back.
 */
class ReportedCount {
  bytes = 0
  readonly #log = new ProgressLog()
  readonly #reader = new ReportReader((elapsedMs, bytes) => this.#handleReport(elapsedMs, bytes))
  #offsetMs = Infinity
  #onReport: (() => void) | undefined

  handleBytes(_bytes: number, chunk: Buffer): void {
    this.#reader.push(chunk)
  }

  sample(): void {}

  /** Resolves when the reports cover the moment, or too long after it. */
  async reaches(moment: EpochMs): Promise<void> {
    const limit = sleep(REPORT_LIMIT_MS, 'late', { ref: false })
    while ((this.#log.lastAt ?? 0) + this.#offsetMs < moment) {
      const next = new Promise<void>(resolve => (this.#onReport = resolve))
      if ((await Promise.race([next, limit])) === 'late') return
    }
  }

  progress(): Progress {
    return this.#log.taken(this.#offsetMs)
  }

  #handleReport(elapsedMs: number, bytes: number): void {
    this.#offsetMs = Math.min(this.#offsetMs, epochNow() - elapsedMs)
    this.#log.add(elapsedMs, bytes)
    this.bytes = bytes
    this.#onReport?.()
  }
}

function usage(pids: readonly number[]): Usage {
  const own = process.cpuUsage()
  return {
    at: epochNow(),
    cpuSeconds: pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
    loadCpuSeconds: (own.user + own.system) / 1e6,
  }
}
