// The secret behind QUIC's stateless resets. It must be the same after a restart, or a killed frps' clients would wait
// for their idle time-outs (30 s) instead of a ping (1 s), and strangers must not know it, or they could end others'
// connections.

import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { ServerConfig } from '../config/index.ts'

/** systemd asks for this to be kept confidential; it does not change while the system is installed. */
const MACHINE_ID_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id']

/**
 * The token and what only this machine knows of itself. Undefined where there is neither: then resets are random, and
 * clients notice a kill at their time-outs.
 */
export async function resetSecretOf({ auth, bindPort }: ServerConfig): Promise<string | undefined> {
  const machineId = await readMachineId()
  if (auth.token.isEmpty && machineId === '') return undefined
  return JSON.stringify([auth.token.reveal(), machineId, hostname(), bindPort])
}

async function readMachineId(): Promise<string> {
  for (const file of MACHINE_ID_FILES) {
    try {
      return (await readFile(file, 'utf8')).trim()
    } catch {
      // Not Linux, or a container without one: the token is left.
    }
  }
  return ''
}
