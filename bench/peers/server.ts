// The user's own server: a client with his config, in a process of its own, that opens doors on
// this machine to the source, sink and echo which the server's bench proxy provides. The transport
// is chosen by the bench, everything else stays as the file says.

import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { VERSION } from '../../lib/version.ts'
import type { DoorsReply } from './doors-process.ts'
import type { Peer, Tunnel } from './peer.ts'

type Transport = 'quic' | 'tcp'
const TRANSPORTS: readonly Transport[] = ['quic', 'tcp']

export interface ServerPeers {
  readonly peers: Peer[]
  /** As the config has it: `host:port`. */
  readonly address: string
  /** Transports that did not get through, with the reason. */
  readonly notes: readonly string[]
}

/**
 * Opens the doors once, so that a wrong file, a server that is away and one that forbids the bench
 * are known before anything is measured; throws one line for the user then. A transport that alone
 * does not get through is left out.
 */
export async function serverPeers(
  config: string,
  wanted: readonly string[] | undefined,
): Promise<ServerPeers> {
  for (const word of wanted ?? []) {
    if (!TRANSPORTS.some(transport => transport === word)) {
      throw new Error(`--transports: over a server there are ${TRANSPORTS.join(', ')}`)
    }
  }
  const transports = TRANSPORTS.filter(transport => wanted?.includes(transport) ?? true)
  const opened = await Promise.allSettled(transports.map(openOnce(config)))
  const address = opened.find(result => result.status === 'fulfilled')?.value
  // The last one is TCP's, which gets through where UDP does not: it knows more of the server.
  if (address === undefined) {
    throw opened.findLast(result => result.status === 'rejected')?.reason
  }
  const isOpen = (_: Transport, index: number): boolean => opened[index]?.status === 'fulfilled'
  return {
    address,
    peers: transports.filter(isOpen).map(transport => serverPeer(config, transport)),
    notes: transports.flatMap((transport, index) => {
      const result = opened[index]
      return result?.status === 'rejected'
        ? [`${transport} is left out: ${textOf(result.reason)}`]
        : []
    }),
  }
}

function openOnce(config: string): (transport: Transport) => Promise<string> {
  return async transport => {
    const doors = await openDoors(config, transport)
    await doors.close()
    return doors.address
  }
}

function serverPeer(config: string, transport: Transport): Peer {
  return {
    name: `ours-${transport}`,
    description: `quicfrp ${VERSION}, ${transport}, as ${config} says`,
    transport,
    servicesAt: 'client',
    open: () => openDoors(config, transport),
  }
}

interface Doors extends Tunnel {
  readonly address: string
}

async function openDoors(config: string, transport: Transport): Promise<Doors> {
  const child = fork(fileURLToPath(new URL('./doors-process.js', import.meta.url)), [
    config,
    transport,
  ])
  // Not 'close', which does not come when this side ends the channel.
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const close = async (): Promise<void> => {
    // It closes its session when the channel is gone; a server should not have to find out.
    if (child.connected) child.disconnect()
    const timer = setTimeout(() => child.kill('SIGKILL'), 1500)
    await ended
    clearTimeout(timer)
  }
  try {
    const { ports, address } = await firstReply(child)
    return { host: '127.0.0.1', ports, address, programs: undefined, close }
  } catch (error) {
    await close()
    throw error
  }
}

function firstReply(child: ChildProcess): Promise<Extract<DoorsReply, { type: 'open' }>> {
  return new Promise((resolve, reject) => {
    child.once('message', (reply: DoorsReply) => {
      if (reply.type === 'open') resolve(reply)
      else reject(new Error(reply.message))
    })
    child.once('error', reject)
    child.once('exit', code => reject(new Error(`the bench client ended with status ${code}`)))
  })
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
