// A tunnel of frps and frpc, whoever made them: both get frp's own config keys and are waited for
// by their log lines.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SERVICE_NAMES } from '../load/messages.ts'
import type { ServicePorts } from '../load/messages.ts'
import { Program } from '../process.ts'
import { freePorts } from './free-ports.ts'
import type { Tunnel } from './peer.ts'

/** Both programs are up in half a second; the rest is for a machine that has other work. */
const START_TIMEOUT_MS = 15_000

export interface FrpTunnelOptions {
  readonly peer: string
  readonly protocol: 'quic' | 'tcp'
  /** Command lines without `-c FILE`. */
  readonly server: readonly [command: string, ...args: string[]]
  readonly client: readonly [command: string, ...args: string[]]
  /** Lines of TOML that go into both configs. */
  readonly extraConfig: readonly string[]
}

interface FrpPorts extends ServicePorts {
  readonly bind: number
}

export async function openFrpTunnel(
  options: FrpTunnelOptions,
  services: ServicePorts
): Promise<Tunnel> {
  const [bind = 0, source = 0, sink = 0, echo = 0] = await freePorts(4)
  const ports: FrpPorts = { bind, source, sink, echo }
  const directory = await mkdtemp(join(tmpdir(), 'quicfrp-bench-'))
  const programs: Program[] = []
  const close = async (): Promise<void> => {
    await Promise.all(programs.map(program => program.stop()))
    await rm(directory, { recursive: true, force: true })
  }
  const start = async (
    side: 'server' | 'client',
    config: string,
    ready: string[]
  ): Promise<Program> => {
    const file = join(directory, `${side}.toml`)
    await writeFile(file, config)
    const [command, ...args] = options[side]
    const title = `${side === 'server' ? 'frps' : 'frpc'} of ${options.peer}`
    const program = new Program({ title, command, args: [...args, '-c', file] })
    programs.push(program)
    await program.printed(ready, START_TIMEOUT_MS)
    return program
  }
  try {
    const server = await start('server', serverConfig(options, ports), [
      'frps started successfully'
    ])
    const proxiesUp = SERVICE_NAMES.map(name => `[${name}] start proxy success`)
    const client = await start('client', clientConfig(options, ports, services), proxiesUp)
    return { ports, programs: { server, client }, close }
  } catch (error) {
    await close()
    throw error
  }
}

export function serverConfig(options: FrpTunnelOptions, ports: FrpPorts): string {
  return lines(
    'bindAddr = "127.0.0.1"',
    `bindPort = ${ports.bind}`,
    // UDP of the same number: TCP and UDP ports are apart.
    ...(options.protocol === 'quic' ? [`quicBindPort = ${ports.bind}`] : []),
    'log.disablePrintColor = true',
    ...options.extraConfig
  )
}

export function clientConfig(
  options: FrpTunnelOptions,
  ports: FrpPorts,
  services: ServicePorts
): string {
  return lines(
    'serverAddr = "127.0.0.1"',
    `serverPort = ${ports.bind}`,
    `transport.protocol = "${options.protocol}"`,
    'log.disablePrintColor = true',
    ...options.extraConfig,
    ...SERVICE_NAMES.flatMap(name => [
      '[[proxies]]',
      `name = "${name}"`,
      'type = "tcp"',
      'localIP = "127.0.0.1"',
      `localPort = ${services[name]}`,
      `remotePort = ${ports[name]}`
    ])
  )
}

function lines(...texts: string[]): string {
  return texts.join('\n') + '\n'
}
