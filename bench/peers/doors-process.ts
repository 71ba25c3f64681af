// The process that has the client of a bench over the user's server: opens the doors, tells their
// ports, and lives until its IPC channel is gone.

import { loadClientConfig } from '../../lib/config/index.ts'
import { openBenchDoors, type TunnelError } from '../../lib/index.ts'
import type { ServicePorts } from '../load/messages.ts'

export type DoorsReply =
  | { readonly type: 'open'; readonly ports: ServicePorts; readonly address: string }
  /** One line for the user. */
  | { readonly type: 'failed'; readonly message: string }

const [, , path = '', transport = ''] = process.argv

// Ctrl-C goes to the whole foreground group; the bench decides when the doors close.
process.on('SIGINT', () => {})

try {
  const setup = await loadClientConfig(path, { strict: true, env: process.env, allowUnsafe: [] })
  const protocol = transport === 'tcp' ? 'tcp' : 'quic'
  const doors = await openBenchDoors(setup, { protocol })
  const { serverAddr, serverPort } = setup.config
  process.once('disconnect', () => void doors.close().finally(() => process.exit()))
  reply({ type: 'open', ports: doors.ports, address: `${serverAddr}:${serverPort}` })
} catch (error) {
  reply({ type: 'failed', message: textOf(error) })
  process.disconnect()
}

function reply(message: DoorsReply): void {
  if (process.connected) process.send?.(message)
}

function textOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TunnelError') return (error as TunnelError).detail
  return error instanceof Error ? error.message : String(error)
}
