// What a reader must know to compare two outputs of the bench: the machine, and what the load can
// do with nothing in between.

import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { Loader } from './load/loader.ts'
import type { Machine, Note } from './report/types.ts'
import { loopbackSite } from './sites.ts'

/**
 * Below this the load itself may be what is measured: the fastest tunnels stand near 7 Gbit/s, and
 * share two cores with it.
 */
const ENOUGH_MBITS = 15_000

export function thisMachine(): Machine {
  const processors = cpus()
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown CPU',
    cores: processors.length,
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()}`,
    node: process.version,
    os: osName(),
    load: loadavg(),
  }
}

function osName(): string {
  try {
    const text = readFileSync('/etc/os-release', 'utf8')
    return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? process.platform
  } catch {
    return process.platform // not Linux, or one without the file
  }
}

interface LoadRate {
  readonly mbits: number
  readonly cpuSecondsPerGb: number
}

/** Two short runs with no tunnel, in words. */
export async function loadNotes(): Promise<Note[]> {
  const { site } = loopbackSite('loopback')
  const load = await Loader.start({ site, servicesAt: 'client' })
  const rate = async (direction: 'down' | 'up'): Promise<LoadRate> => {
    const port = direction === 'down' ? load.ports.source : load.ports.sink
    const window = { warmUpMs: 300, measureMs: 700 }
    const host = site.addresses.client
    const result = await load.ask({ type: 'bulk', direction, host, port, ...window, pids: [] })
    return {
      mbits: (result.bytes * 8) / 1e3 / result.elapsedMs,
      cpuSecondsPerGb: result.loadCpuSeconds / (result.bytes / 1e9),
    }
  }
  try {
    const down = await rate('down')
    const up = await rate('up')
    const lines = [`the load with no tunnel, one stream: down ${text(down)}, up ${text(up)}`]
    if (Math.min(down.mbits, up.mbits) < ENOUGH_MBITS) {
      lines.push(
        `no tunnel is under ${ENOUGH_MBITS / 1000} Gbit/s: other work holds all figures down`,
      )
    }
    return lines
  } finally {
    load.close()
  }
}

function text({ mbits, cpuSecondsPerGb }: LoadRate): string {
  return `${(mbits / 1000).toFixed(1)} Gbit/s (${cpuSecondsPerGb.toFixed(2)} s of CPU per GB)`
}
