// A tunnel of frps and frpc, whoever made them: both get frp's own config keys and are waited for
// by their log lines.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SERVICE_NAMES } from '../load/messages.ts'
import type { ServicePorts } from '../load/messages.ts'
import { Program } from '../process.ts'
import type { Site } from '../site.ts'
import { freePorts } from './free-ports.ts'
import type { Tunnel } from './peer.ts'
import { openWorkspace } from './workspace.ts'

/** Both programs are up in half a second; the rest is for slow links and machines at work. */
const START_TIMEOUT_MS = 20_000

export interface FrpTunnelOptions {
  readonly peer: string
  readonly transport: 'quic' | 'tcp' | 'kcp'
  /** Command lines without `-c FILE`. */
  readonly server: readonly [command: string, ...args: string[]]
  readonly client: readonly [command: string, ...args: string[]]
  /** Lines of TOML that go into both configs. */
  readonly extraConfig: readonly string[]
  /** Lines of the udp proxy. */
  readonly udpConfig?: readonly string[]
  /** False where it knows no udp proxies: the udp services then have no door. */
  readonly hasUdp: boolean
  /** Its proxies are secret, and the doors those of a visitor beside the user. */
  readonly isSecret?: boolean
}

/** Of the proxies that are secret. */
const SECRET_KEY = 'a long text for the bench'

/** Where the public side is: frps and its doors. */
export interface FrpAddresses extends ServicePorts {
  readonly host: string
  readonly bind: number
}

export async function openFrpTunnel(
  options: FrpTunnelOptions,
  site: Site,
  services: ServicePorts,
): Promise<Tunnel> {
  const host = site.addresses.server
  const [bind = 0, source = 0, sink = 0, echo = 0, datagrams = 0] = await freePorts(5)
  const hasDatagrams = options.hasUdp && services.datagrams !== undefined
  const ports = { source, sink, echo, ...(hasDatagrams && { datagrams }) }
  const workspace = await openWorkspace()
  const programs: Program[] = []
  const close = async (): Promise<void> => {
    await Promise.all(programs.map(program => program.stop()))
    await workspace.remove()
  }
  const start = async (
    side: 'server' | 'client' | 'visitor',
    config: string,
    ready: readonly string[],
  ): Promise<Program> => {
    const file = join(workspace.directory, `${side}.toml`)
    await writeFile(file, config)
    const words = options[side === 'server' ? 'server' : 'client']
    const role = side === 'visitor' ? 'user' : side
    const [command, ...args] = site.command(role, [...words, '-c', file])
    const title = `${side === 'server' ? 'frps' : 'frpc'} of ${options.peer}`
    const program = new Program({ title, command, args })
    programs.push(program)
    await program.printed(ready, START_TIMEOUT_MS)
    return program
  }
  try {
    const where = { host, bind, ...ports }
    const server = await start('server', serverConfig(options, where), [
      'frps started successfully',
    ])
    const proxiesUp = Object.keys(ports).map(name => `[${name}] start proxy success`)
    const client = await start('client', clientConfig(options, where, services), proxiesUp)
    if (options.isSecret !== true) return { host, ports, programs: { server, client }, close }
    await start('visitor', visitorConfig(options, where), ['start visitor success'])
    return { host: '127.0.0.1', ports, programs: { server, client }, close }
  } catch (error) {
    await close()
    throw error
  }
}

export function serverConfig(options: FrpTunnelOptions, where: FrpAddresses): string {
  return lines(
    `bindAddr = "${where.host}"`,
    `bindPort = ${where.bind}`,
    // UDP of the same number: TCP and UDP ports are apart.
    ...(options.transport === 'quic' ? [`quicBindPort = ${where.bind}`] : []),
    ...(options.transport === 'kcp' ? [`kcpBindPort = ${where.bind}`] : []),
    'log.disablePrintColor = true',
    ...options.extraConfig,
  )
}

export function clientConfig(
  options: FrpTunnelOptions,
  where: FrpAddresses,
  services: ServicePorts,
): string {
  const { isSecret } = options
  return lines(
    ...clientLines(options, where),
    ...SERVICE_NAMES.flatMap(name => {
      return isSecret === true
        ? secretProxy(name, 'stcp', services[name])
        : proxy(name, 'tcp', services[name], where[name])
    }),
    ...(services.datagrams !== undefined && where.datagrams !== undefined
      ? [
          ...(isSecret === true
            ? secretProxy('datagrams', 'sudp', services.datagrams)
            : proxy('datagrams', 'udp', services.datagrams, where.datagrams)),
          ...(options.udpConfig ?? []),
        ]
      : []),
  )
}

/** Of a frpc on the user's machine. */
export function visitorConfig(options: FrpTunnelOptions, where: FrpAddresses): string {
  return lines(
    ...clientLines(options, where),
    ...SERVICE_NAMES.flatMap(name => visitor(name, 'stcp', where[name])),
    ...(where.datagrams === undefined ? [] : visitor('datagrams', 'sudp', where.datagrams)),
  )
}

function clientLines(options: FrpTunnelOptions, where: FrpAddresses): string[] {
  return [
    `serverAddr = "${where.host}"`,
    `serverPort = ${where.bind}`,
    `transport.protocol = "${options.transport}"`,
    'log.disablePrintColor = true',
    ...options.extraConfig,
  ]
}

function secretProxy(name: string, type: 'stcp' | 'sudp', localPort: number): string[] {
  return [
    '[[proxies]]',
    `name = "${name}"`,
    `type = "${type}"`,
    `secretKey = "${SECRET_KEY}"`,
    'localIP = "127.0.0.1"',
    `localPort = ${localPort}`,
  ]
}

function visitor(name: string, type: 'stcp' | 'sudp', bindPort: number): string[] {
  return [
    '[[visitors]]',
    `name = "to-${name}"`,
    `type = "${type}"`,
    `serverName = "${name}"`,
    `secretKey = "${SECRET_KEY}"`,
    'bindAddr = "127.0.0.1"',
    `bindPort = ${bindPort}`,
  ]
}

function proxy(name: string, type: string, localPort: number, remotePort: number): string[] {
  return [
    '[[proxies]]',
    `name = "${name}"`,
    `type = "${type}"`,
    'localIP = "127.0.0.1"',
    `localPort = ${localPort}`,
    `remotePort = ${remotePort}`,
  ]
}

function lines(...texts: string[]): string {
  return texts.join('\n') + '\n'
}
