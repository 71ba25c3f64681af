// Resident memory of the two programs: a value that has settled, and the highest over a while.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Tunnel } from '../peers/peer.ts'
import { residentBytes } from '../usage.ts'

const SAMPLE_MS = 250
/**
 * Settled: for this long nothing moved by more than SETTLED_BYTES. V8 and Go collect some seconds
 * after the work.
 */
const SETTLED_MS = 3000
const SETTLED_BYTES = 256 * 1024
const LONGEST_SETTLE_MS = 20_000

export interface Memory {
  readonly server: number
  readonly client: number
}

/** Bytes of both programs. Throws, with the program's last lines, when one has ended. */
export function memoryNow({ programs }: Tunnel): Memory {
  if (programs === undefined) throw new Error('a direct connection has no programs')
  programs.server.check()
  programs.client.check()
  return { server: residentBytes(programs.server.pid), client: residentBytes(programs.client.pid) }
}

/** The first value that stands still, or the last one after 20 s of moving. */
export async function settledMemory(tunnel: Tunnel): Promise<Memory> {
  const startedAt = performance.now()
  let settling = memoryNow(tunnel)
  let settlingAt = startedAt
  for (;;) {
    await sleep(SAMPLE_MS)
    const now = performance.now()
    const memory = memoryNow(tunnel)
    const moved = Math.max(
      Math.abs(memory.server - settling.server),
      Math.abs(memory.client - settling.client)
    )
    if (moved > SETTLED_BYTES) {
      settling = memory
      settlingAt = now
    }
    if (now - settlingAt >= SETTLED_MS || now - startedAt >= LONGEST_SETTLE_MS) return memory
  }
}

/** Each side's highest value until `work` is done, and for `atLeastMs`. */
export async function highestMemory<T>(
  tunnel: Tunnel,
  atLeastMs: number,
  work: Promise<T>
): Promise<{ readonly memory: Memory; readonly result: T }> {
  const minimum = sleep(atLeastMs)
  let isDone = false
  const both = Promise.all([work, minimum]).finally(() => {
    isDone = true
  })
  both.catch(() => {}) // awaited below, after the sample under way
  let memory = memoryNow(tunnel)
  while (!isDone) {
    await sleep(SAMPLE_MS)
    const now = memoryNow(tunnel)
    memory = {
      server: Math.max(memory.server, now.server),
      client: Math.max(memory.client, now.client)
    }
  }
  const [result] = await both
  return { memory, result }
}
