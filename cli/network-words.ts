// What was found out about a network, in rows of a few words: for `frpc nathole discover` and
// `frpc doctor`.

import type { Address, NetworkReport } from '../lib/index.ts'

export type Row = readonly [name: string, text: string]

/** Best first, as the router is asked. */
const PROTOCOL_NAMES = { pcp: 'PCP', 'nat-pmp': 'NAT-PMP', upnp: 'UPnP' } as const

export function networkRows(report: NetworkReport): Row[] {
  const { profile, candidates } = report.discovery
  if (!profile.udp) {
    return [['UDP', 'no STUN server answers'], ...serverRows(report), ...routerRows(report)]
  }
  const seen = candidates.filter(({ type }) => type === 'srflx').map(({ address }) => address)
  return [
    ['UDP', 'works'],
    ...serverRows(report),
    ['Address', addressText(report, seen)],
    ['Mapping', mappingText(report)],
    ['Filter', filterText(report)],
    ...portsRows(report),
    ...hairpinRows(report),
    ['IPv6', ipv6Text(report)],
    ...routerRows(report),
  ]
}

/** Two columns, the second from column 14 on. */
export function rowText([name, text]: Row): string {
  return `  ${name.padEnd(12)}${text}`
}

export function addressesText(addresses: readonly Address[]): string {
  const texts = addresses.map(({ ip, port }) => `${ip.includes(':') ? `[${ip}]` : ip}:${port}`)
  return texts.join(' ')
}

function serverRows({ discovery }: NetworkReport): Row[] {
  return discovery.servers.map(({ server, mapped, rttMs, other, problem }) => {
    const name = addressesText([server])
    if (mapped === undefined) return ['STUN', `${name}: ${problem ?? 'no answer'}`]
    const second = other === undefined ? ', has no second address' : ''
    return ['STUN', `${name}: answers, ${Math.round(rttMs ?? 0)} ms${second}`]
  })
}

function addressText(
  { localAddress, discovery }: NetworkReport,
  seen: readonly Address[],
): string {
  const here = addressesText([localAddress])
  const { mapping, externalIps } = discovery.profile
  if (mapping === 'none') {
    return isPrivate(localAddress.ip) ? `${here}, for the server too` : `${here}, which is public`
  }
  return `${here}; from outside ${seen.length > 0 ? addressesText(seen) : externalIps.join(' ')}`
}

function mappingText({ discovery }: NetworkReport): string {
  const { mapping } = discovery.profile
  const note = discovery.confidence.mapping === 'low' ? ' (not certain)' : ''
  switch (mapping) {
    case 'none':
      return 'none: there is no NAT'
    case 'endpoint-independent':
      return `one port for all targets${note}`
    case 'address-dependent':
      return `another port for each address${note}`
    case 'address-and-port-dependent':
      return `another port for each target (symmetric)${note}`
    case undefined:
      return 'not known: it takes two addresses of STUN servers to tell'
    default:
      return mapping satisfies never
  }
}

function filterText({ discovery }: NetworkReport): string {
  const { filtering } = discovery.profile
  // A frps with one address cannot send from a second one.
  const note = discovery.confidence.filtering === 'low' ? ', perhaps everybody' : ''
  switch (filtering) {
    case 'endpoint-independent':
      return 'lets in everybody who knows the port (full cone)'
    case 'address-dependent':
      return `lets in addresses that were called, from any of their ports${note}`
    case 'address-and-port-dependent':
      return 'lets in only whom this port has called'
    case undefined:
      return 'not known: frps of quicfrp can test it'
    default:
      return filtering satisfies never
  }
}

function portsRows({ discovery }: NetworkReport): Row[] {
  const { ports } = discovery.profile
  if (ports === undefined) return []
  switch (ports.type) {
    case 'preserving':
      return [['Ports', 'as inside']]
    case 'sequential':
      return [['Ports', sequenceText(ports.step, Math.round(ports.ratePerSecond))]]
    case 'random-in-block':
      return [['Ports', `random, from ${ports.first} to ${ports.first + ports.size - 1}`]]
    case 'random':
      return [['Ports', 'random']]
    default:
      return ports satisfies never
  }
}

function sequenceText(step: number, othersPerSecond: number): string {
  const text = `each is the last one plus ${step}`
  return othersPerSecond === 0 ? text : `${text}, and others take ${othersPerSecond} a second`
}

function hairpinRows({ discovery }: NetworkReport): Row[] {
  const { hairpin } = discovery.profile
  return hairpin === undefined ? [] : [['Hairpin', hairpin ? 'yes' : 'no']]
}

function ipv6Text({ discovery, localIps }: NetworkReport): string {
  if (discovery.profile.ipv6) return 'works'
  return hasIpv6Address(localIps) ? 'there is an address; no STUN server was asked over it' : 'none'
}

/** RFC 1918: then who sees this address is in the same network. */
export function isPrivate(ip: string): boolean {
  return /^(10|192\.168|172\.(1[6-9]|2\d|3[01]))\./.test(ip)
}

/** A global one (2000::/3). */
export function hasIpv6Address(ips: readonly string[]): boolean {
  return ips.some(ip => /^[23][\da-f]{3}:/i.test(ip))
}

function routerRows({ portMapping }: NetworkReport): Row[] {
  if (portMapping === undefined) return []
  const { gateway, mapping, protocols } = portMapping
  if (gateway === undefined) return [['Router', 'none found: no default route with a gateway']]
  if (mapping !== undefined) {
    const { protocol, external } = mapping
    const name = PROTOCOL_NAMES[protocol]
    return [['Router', `${gateway} maps ports by ${name}, outside it is ${external.ip}`]]
  }
  const refusals = protocols.flatMap(({ reason }) => (reason === undefined ? [] : [reason]))
  const why = refusals.length > 0 ? refusals.join('; ') : 'no answer by PCP, NAT-PMP or UPnP'
  return [['Router', `${gateway} maps no ports: ${why}`]]
}
