// What a reader must know to compare two outputs of the bench: the machine, the programs, the day,
// the noise.

import { cpus, loadavg, release, type } from 'node:os'
import type { Loader } from './load/loader.ts'
import type { Peer } from './peers/peer.ts'

/** What the load process does with nothing in between. */
export interface LoadCeiling {
  readonly down: LoadRate
  readonly up: LoadRate
}

export interface LoadRate {
  readonly mbits: number
  /** Of the load process, both ends of the stream: what it takes from the tunnel's cores. */
  readonly cpuSecondsPerGb: number
}

/**
 * Below this the load process itself may be what is measured: the fastest tunnels stand near 7
 * Gbit/s, and share two cores with it.
 */
const ENOUGH_MBITS = 15_000

export function headerLines(
  peers: readonly Peer[],
  command: string,
  ceiling: LoadCeiling
): string[] {
  const processors = cpus()
  const model = processors[0]?.model.trim() ?? 'unknown CPU'
  const averages = loadavg()
    .map(value => value.toFixed(1))
    .join(' ')
  const { down, up } = ceiling
  const text = ({ mbits, cpuSecondsPerGb }: LoadRate): string =>
    `${(mbits / 1000).toFixed(1)} Gbit/s (${cpuSecondsPerGb.toFixed(2)} s of CPU per GB)`
  const lines = [
    `command  ${command}`,
    `date     ${new Date().toISOString()}`,
    `machine  ${processors.length} x ${model}, ${type()} ${release()}, 127.0.0.1`,
    `node     ${process.version}`,
    ...peers.map(
      (peer, index) => `${index === 0 ? 'peers   ' : '        '} ${peer.name}: ${peer.description}`
    ),
    `load     no tunnel, one stream: down ${text(down)}, up ${text(up)}`,
    `busy     load average ${averages} at the start`
  ]
  if (Math.min(down.mbits, up.mbits) < ENOUGH_MBITS) {
    lines.push(
      `         no tunnel is under ${ENOUGH_MBITS / 1000} Gbit/s: other work holds all figures down`
    )
  }
  return lines
}

/** Two short runs with no tunnel. */
export async function measureCeiling(load: Loader): Promise<LoadCeiling> {
  const rate = async (direction: 'down' | 'up'): Promise<LoadRate> => {
    const port = direction === 'down' ? load.ports.source : load.ports.sink
    const window = { warmUpMs: 300, measureMs: 700 }
    const result = await load.ask({ type: 'bulk', direction, port, ...window, pids: [] })
    return {
      mbits: (result.bytes * 8) / 1e3 / result.elapsedMs,
      cpuSecondsPerGb: result.loadCpuSeconds / (result.bytes / 1e9)
    }
  }
  return { down: await rate('down'), up: await rate('up') }
}
