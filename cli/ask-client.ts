// `frpc status` and `frpc peers`: ask a running frpc over its admin API (frp-surface.md §1.3) and
// print what it says as tables.

import { request } from 'node:http'
import { loadClientConfig, type WebServerConfig } from '../lib/config/index.ts'
import type { PeerStatus } from '../lib/index.ts'
import { type ClientFlags, loadOptions } from './options.ts'
import { describe, print } from './output.ts'
import { table } from './table.ts'

const TIMEOUT_MS = 30_000
const MAX_ANSWER_BYTES = 16 << 20
const TYPES = ['tcp', 'udp', 'tcpmux', 'http', 'https', 'stcp', 'sudp', 'xtcp']

interface StatusRow {
  readonly name: string
  readonly status: string
  readonly err: string
  readonly local_addr: string
  readonly plugin: string
  readonly remote_addr: string
}

export function statusCommand(flags: ClientFlags): Promise<number> {
  return ask(flags, '/api/status', answer => {
    const groups = answer as Readonly<Record<string, readonly StatusRow[]>>
    print('Proxy Status...\n')
    for (const type of TYPES) {
      const rows = groups[type] ?? []
      if (rows.length === 0) continue
      print(type.toUpperCase())
      const cells = rows.map(row => {
        return [row.name, row.status, row.local_addr, row.plugin, row.remote_addr, row.err]
      })
      print(`${table(['Name', 'Status', 'LocalAddr', 'Plugin', 'RemoteAddr', 'Error'], cells)}\n`)
    }
  })
}

export function peersCommand(flags: ClientFlags): Promise<number> {
  return ask(flags, '/api/peers', answer => {
    const { peers } = answer as { readonly peers: readonly PeerStatus[] }
    if (peers.length === 0) {
      print('no peer connections: xtcp visitors and proxies have them, once they have met;')
      print("frpc's log says what is in the way")
      return
    }
    const heads = ['Proxy', 'Role', 'Path', 'Address', 'RTT', 'Loss', 'Users', 'Since', 'Direct']
    print(table([...heads, 'Why'], peers.map(peerCells)))
  })
}

/** Undefined figures are a dash: nothing was measured yet. */
export function peerCells(peer: PeerStatus): string[] {
  const { proxy, role, phase, path, address, technique, reason } = peer
  const { rttMs, loss, streams, sinceMs, timeToDirectMs } = peer
  return [
    proxy,
    role,
    phase === 'connected' ? path : phase,
    address,
    rttMs === undefined ? '-' : `${rttMs.toFixed(1)} ms`,
    loss === undefined ? '-' : `${(100 * loss).toFixed(1)} %`,
    String(streams),
    `${Math.round(sinceMs / 1_000)} s`,
    timeToDirectMs === undefined ? '-' : `after ${Math.round(timeToDirectMs)} ms`,
    technique === undefined ? reason : `${technique}: ${reason}`,
  ]
}

async function ask(
  flags: ClientFlags,
  path: string,
  show: (answer: unknown) => void,
): Promise<number> {
  try {
    const { config } = await loadClientConfig(flags.config, loadOptions(flags, process.env))
    const { webServer } = config
    if (webServer.port <= 0) {
      print('web server port should be set if you want to use this feature:')
      print(`set webServer.port (INI: admin_port) in ${flags.config}, and start that frpc again`)
      return 1
    }
    show(JSON.parse(await get(webServer, path)))
    return 0
  } catch (error) {
    print(describe(error))
    return 1
  }
}

/** The body. Rejects with frp's words. */
function get(
  { addr, port, user, password }: WebServerConfig,
  path: string,
): Promise<string> {
  const place = `http://${addr}:${port}${path}`
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => reject(new Error(`Get "${place}": ${reason}`))
    const auth = user === '' && password.isEmpty ? undefined : `${user}:${password.reveal()}`
    const asked = request(
      { host: addr, port, path, timeout: TIMEOUT_MS, ...(auth && { auth }) },
      response => {
        const chunks: Buffer[] = []
        let length = 0
        response.on('data', (chunk: Buffer) => {
          length += chunk.length
          if (length > MAX_ANSWER_BYTES) asked.destroy(new Error('the answer is too long'))
          else chunks.push(chunk)
        })
        response.on('end', () => {
          const { statusCode } = response
          if (statusCode === 200) resolve(Buffer.concat(chunks).toString())
          else reject(new Error(`api status code [${statusCode}]`))
        })
      },
    )
    asked.on('timeout', () => asked.destroy(new Error(`no answer in ${TIMEOUT_MS / 1_000} s`)))
    asked.on('error', (error: NodeJS.ErrnoException) => {
      const isClosed = error.code === 'ECONNREFUSED'
      const refused = `dial tcp ${addr}:${port}: connect: connection refused`
      const text = isClosed ? `${refused}; does a frpc run with this file?` : error.message
      fail(text)
    })
    asked.end()
  })
}
