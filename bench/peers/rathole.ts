// rathole, from the binary that RATHOLE_BIN names: plain TCP, one connection for each user, no
// encryption.

import { connect } from 'node:net'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SERVICE_NAMES } from '../load/messages.ts'
import type { ServicePorts } from '../load/messages.ts'
import { Program } from '../process.ts'
import { freePorts } from './free-ports.ts'
import type { Peer, Tunnel } from './peer.ts'

const START_TIMEOUT_MS = 15_000

export function ratholePeer(binary: string): Peer {
  return {
    name: 'rathole',
    description: `${binary}, tcp without TLS`,
    open: services => openRathole(binary, services)
  }
}

async function openRathole(binary: string, services: ServicePorts): Promise<Tunnel> {
  const [bind = 0, source = 0, sink = 0, echo = 0] = await freePorts(4)
  const ports: ServicePorts = { source, sink, echo }
  const directory = await mkdtemp(join(tmpdir(), 'quicfrp-bench-'))
  const programs: Program[] = []
  const close = async (): Promise<void> => {
    await Promise.all(programs.map(program => program.stop()))
    await rm(directory, { recursive: true, force: true })
  }
  const start = async (
    side: 'server' | 'client',
    config: string[],
    ready: string[]
  ): Promise<Program> => {
    const file = join(directory, `${side}.toml`)
    await writeFile(file, config.join('\n') + '\n')
    const program = new Program({
      title: `rathole ${side}`,
      command: binary,
      args: [`--${side}`, file]
    })
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
      'type = "tcp"'
    ]
    const bindAddress = `127.0.0.1:${bind}`
    const serverServices = SERVICE_NAMES.flatMap(name => [
      `[server.services.${name}]`,
      `bind_addr = "127.0.0.1:${ports[name]}"`
    ])
    const clientServices = SERVICE_NAMES.flatMap(name => [
      `[client.services.${name}]`,
      `local_addr = "127.0.0.1:${services[name]}"`
    ])
    const server = await start(
      'server',
      [...section('server', bindAddress), ...serverServices],
      ['Listening at']
    )
    const client = await start('client', [...section('client', bindAddress), ...clientServices], [])
    // Its log has one line for each service, of a form that changed between versions; the server
    // opens a service's door when the client has come for it.
    await Promise.all(SERVICE_NAMES.map(name => doorOpened(ports[name], client)))
    return { ports, programs: { server, client }, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function doorOpened(port: number, client: Program): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (!(await accepts(port))) {
    client.check()
    if (performance.now() > deadline) {
      throw client.failure(`did not open port ${port} within ${START_TIMEOUT_MS} ms`)
    }
    await sleep(50)
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
