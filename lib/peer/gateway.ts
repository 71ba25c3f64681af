// The default gateway of this machine and our address towards it: Linux' table of routes, the
// system's own tool elsewhere. IPv4 only, as port mapping is.

import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import {
  gatewayOfProcNetRoute,
  gatewayOfRouteGet,
  gatewayOfRoutePrint,
} from '../../nat/index.ts'

export interface Gateway {
  readonly ip: string
  readonly localIp: string
}

/** Longest time for a tool of the system, in milliseconds. */
const TOOL_TIMEOUT_MS = 2000

/** Undefined where there is none: no network, or a VPN that is the default route itself. */
export async function findGateway(): Promise<Gateway | undefined> {
  const ip = await gatewayIp().catch(() => undefined) // A missing tool is an unknown gateway.
  if (ip === undefined) return undefined
  const localIp = await localIpTowards(ip)
  return localIp === undefined ? undefined : { ip, localIp }
}

async function gatewayIp(): Promise<string | undefined> {
  switch (process.platform) {
    case 'linux':
    case 'android':
      return gatewayOfProcNetRoute(await readFile('/proc/net/route', 'latin1'))
    case 'win32':
      return gatewayOfRoutePrint(await output('route', ['print', '-4', '0.0.0.0']))
    default:
      return gatewayOfRouteGet(await output('route', ['-n', 'get', 'default']))
  }
}

async function output(tool: string, words: readonly string[]): Promise<string> {
  const options = { timeout: TOOL_TIMEOUT_MS, windowsHide: true }
  const { stdout } = await promisify(execFile)(tool, [...words], options)
  return stdout
}

/** The source address that the system would take; nothing is sent. */
export async function localIpTowards(ip: string): Promise<string | undefined> {
  const socket = createSocket('udp4')
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.connect(9, ip, () => resolve())
    })
    return socket.address().address
  } catch {
    // No route: then there is no address, which is the answer.
    return undefined
  } finally {
    socket.close()
  }
}
