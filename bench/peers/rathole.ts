// rathole, from its binary: plain TCP, one connection for each user, no encryption.

import { accessSync, constants } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SERVICE_NAMES } from '../load/messages.ts'
import type { ServicePorts } from '../load/messages.ts'
import { Program } from '../process.ts'
import type { Site } from '../site.ts'
import { freePorts } from './free-ports.ts'
import type { Peer, Tunnel } from './peer.ts'
import { openWorkspace } from './workspace.ts'

const START_TIMEOUT_MS = 20_000

/** `given` is how the user named the file: `--peer` or `RATHOLE_BIN`. */
export function ratholePeer(binary: string, given: string): Peer {
  try {
    accessSync(binary, constants.X_OK)
  } catch (error) {
    throw new Error(`${given} ${binary}: there is no such executable`, { cause: error })
  }
  return {
    name: 'rathole',
    description: `${binary}, tcp without TLS`,
    transport: 'tcp',
    servicesAt: 'client',
    open: (site, services) => openRathole(binary, site, services),
  }
}

async function openRathole(
  binary: string,
  site: Site,
  services: ServicePorts,
): Promise<Tunnel> {
  const [bind = 0, source = 0, sink = 0, echo = 0, datagrams = 0] = await freePorts(5)
  const hasDatagrams = services.datagrams !== undefined
  const ports: ServicePorts = { source, sink, echo, ...(hasDatagrams && { datagrams }) }
  const host = site.addresses.server
  const workspace = await openWorkspace()
  const programs: Program[] = []
  const close = async (): Promise<void> => {
    await Promise.all(programs.map(program => program.stop()))
    await workspace.remove()
  }
  const start = async (
    side: 'server' | 'client',
    config: string[],
    ready: string[],
  ): Promise<Program> => {
    const file = join(workspace.directory, `${side}.toml`)
    await writeFile(file, config.join('\n') + '\n')
    const [command, ...args] = site.command(side, [binary, `--${side}`, file])
    const program = new Program({ title: `rathole ${side}`, command, args })
    programs.push(program)
    await program.printed(ready, START_TIMEOUT_MS)
    return program
  }
  try {
    const section = (side: 'server' | 'client', address: string): string[] => [
      `[${side}]`,
      `${side === 'server' ? 'bind_addr' : 'remote_addr'} = "${address}"`,
      'default_token = "bench"',
      `[${side}.transport]`,
      'type = "tcp"',
    ]
    const bindAddress = `${host}:${bind}`
    const serverServices = SERVICE_NAMES.flatMap(name => [
      `[server.services.${name}]`,
      `bind_addr = "${host}:${ports[name]}"`,
    ])
    const clientServices = SERVICE_NAMES.flatMap(name => [
      `[client.services.${name}]`,
      `local_addr = "127.0.0.1:${services[name]}"`,
    ])
    const serverDatagrams = hasDatagrams
      ? ['[server.services.datagrams]', 'type = "udp"', `bind_addr = "${host}:${datagrams}"`]
      : []
    const clientDatagrams = hasDatagrams
      ? [
          '[client.services.datagrams]',
          'type = "udp"',
          `local_addr = "127.0.0.1:${services.datagrams}"`,
        ]
      : []
    const server = await start(
      'server',
      [...section('server', bindAddress), ...serverServices, ...serverDatagrams],
      ['Listening at'],
    )
    const client = await start(
      'client',
      [...section('client', bindAddress), ...clientServices, ...clientDatagrams],
      [],
    )
    // Its log has one line for each service, of a form that changed between versions; the server
    // opens a service's door when the client has come for it.
    await doorsOpened(site, { host, ports: SERVICE_NAMES.map(name => ports[name]) }, client)
    return { host, ports, programs: { server, client }, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Knocks until each port accepts; a program, because only the user's host can reach them all. */
const KNOCK = `
const { connect } = require('node:net')
const [host, ...ports] = process.argv.slice(1)
const knock = port => {
  const socket = connect({ host, port: Number(port) })
  socket.once('connect', () => (socket.destroy(), console.log('open ' + port)))
  socket.once('error', () => setTimeout(knock, 50, port))
}
ports.forEach(knock)
`

interface Doors {
  readonly host: string
  readonly ports: readonly number[]
}

async function doorsOpened(site: Site, { host, ports }: Doors, client: Program): Promise<void> {
  const argv = [process.execPath, '-e', KNOCK, host, ...ports.map(String)] as const
  const [command, ...args] = site.command('user', argv)
  const knocking = new Program({ title: 'the look for rathole', command, args })
  try {
    await knocking.printed(ports.map(port => `open ${port}`), START_TIMEOUT_MS)
  } catch {
    // What the look printed says nothing; the client's lines say why no door opened.
    throw client.failure(`did not have its ports open within ${START_TIMEOUT_MS} ms`)
  } finally {
    await knocking.stop()
  }
}
