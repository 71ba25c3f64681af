// What a reader must know to compare two outputs of the bench: the machine, the programs, the day,
// the noise.

import { cpus, loadavg, release, type } from 'node:os'
import type { Loader } from './load/loader.ts'
import type { Peer } from './peers/peer.ts'

export interface LoadCeiling {
  readonly downMbits: number
  readonly upMbits: number
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
  const gbits = (mbits: number): string => (mbits / 1000).toFixed(1)
  const lines = [
    `command  ${command}`,
    `date     ${new Date().toISOString()}`,
    `machine  ${processors.length} x ${model}, ${type()} ${release()}, 127.0.0.1`,
    `node     ${process.version}`,
    ...peers.map(
      (peer, index) => `${index === 0 ? 'peers   ' : '        '} ${peer.name}: ${peer.description}`
    ),
    `load     no tunnel, one stream: ${gbits(ceiling.downMbits)} Gbit/s down, ` +
      `${gbits(ceiling.upMbits)} up; load average ${averages}`
  ]
  if (Math.min(ceiling.downMbits, ceiling.upMbits) < ENOUGH_MBITS) {
    const least = gbits(ENOUGH_MBITS)
    lines.push(`         under ${least} Gbit/s: the load or other work holds the figures down`)
  }
  return lines
}

/** What the load process reaches with nothing in between, in two short runs. */
export async function measureCeiling(load: Loader): Promise<LoadCeiling> {
  const rate = async (direction: 'down' | 'up'): Promise<number> => {
    const port = direction === 'down' ? load.ports.source : load.ports.sink
    const window = { warmUpMs: 300, measureMs: 700 }
    const { bytes, elapsedMs } = await load.ask({
      type: 'bulk',
      direction,
      port,
      ...window,
      pids: []
    })
    return (bytes * 8) / 1e3 / elapsedMs
  }
  return { downMbits: await rate('down'), upMbits: await rate('up') }
}
