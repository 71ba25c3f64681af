// The addresses of the server, looked up anew for each attempt: a name can move while the client
// runs.

import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { errorText, TunnelError } from '../errors.ts'

/**
 * All addresses in the order to try them. `dnsServer` (`8.8.8.8` or `8.8.8.8:53`) replaces the
 * system's resolver; empty means that one. Rejects with CONNECT_FAILED.
 */
export async function resolveHost(host: string, dnsServer: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host]
  try {
    const addresses = dnsServer === '' ? await viaSystem(host) : await viaServer(host, dnsServer)
    if (addresses.length > 0) return addresses
  } catch (error) {
    throw new TunnelError('CONNECT_FAILED', `lookup ${host}: ${errorText(error)}`, { cause: error })
  }
  throw new TunnelError('CONNECT_FAILED', `lookup ${host}: no address`)
}

async function viaSystem(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true, verbatim: true })
  return found.map(({ address }) => address)
}

async function viaServer(host: string, dnsServer: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 })
  resolver.setServers([dnsServer])
  const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  const found = answers.flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []))
  const [failure] = answers
  if (found.length === 0 && failure?.status === 'rejected') throw failure.reason
  return found
}
