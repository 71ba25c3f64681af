// The doctor's sentences: how the server is reached, what the network is, what peers can expect,
// what to do about it. Only from the examination: nothing is measured here.

import type { Examination, PeerKind, Prospect, ServerTrial } from '../lib/index.ts'
import { hasIpv6Address, isPrivate, type Row } from './network-words.ts'

export function serverRows({ server }: Examination): Row[] {
  return server.map(trial => [trial.protocol.toUpperCase(), trialText(trial)])
}

function trialText(trial: ServerTrial): string {
  const { isLoggedIn, tookMs, rttMs, serverVersion, isOurs, error } = trial
  if (!isLoggedIn) return `failed: ${error}`
  const name = `${isOurs ? 'quicfrp' : 'frp'} ${serverVersion}`
  const roundTrip = rttMs === undefined ? '' : `, round trip ${Math.round(rttMs)} ms`
  return `logged in within ${Math.round(tookMs)} ms${roundTrip}, ${name}`
}

/** One sentence about the kind of network. */
export function kindLine({ network, server }: Examination): string {
  const { prognosis, discovery, portMapping } = network
  const { profile } = discovery
  if (profile.mapping === 'none' && isPrivate(network.localAddress.ip)) {
    return 'The server is in this network: from there nobody sees what lies before the internet.'
  }
  switch (prognosis.own) {
    case 'open':
      if (profile.mapping === 'none') return 'This machine has a public address.'
      if (portMapping?.mapping) return 'The router maps ports: this machine can be called directly.'
      return 'The router lets in everybody (full cone): this machine can be called directly.'
    case 'home':
      if (profile.mapping === 'none' && profile.filtering !== 'address-and-port-dependent') {
        return 'This machine has a public address.'
      }
      return profile.mapping === 'none'
        ? 'This machine has a public address behind a firewall.'
        : 'This is a usual home network: its router can be passed from both sides at once.'
    case 'counting':
      return 'The router takes a new port for each target, but its next port can be foreseen.'
    case 'random':
      return 'The network takes another port for each target, as mobile and company networks do.'
    case 'udp-blocked':
      if (hasQuic(server)) {
        return 'QUIC works, but no STUN server answers: what kind of NAT this is cannot be told.'
      }
      return isRealFrps(server)
        ? 'No STUN server answers: UDP is blocked here, or they are the wrong ones.'
        : 'UDP does not get through: everything goes over frps by TCP.'
    case undefined:
      return 'Too few STUN servers answer to tell what kind of NAT this is.'
    default:
      return prognosis.own satisfies never
  }
}

const PEER_NAMES: Readonly<Record<PeerKind, string>> = {
  open: 'with a public address or a mapped port',
  home: 'behind a usual home router',
  counting: 'behind a router that counts ports up',
  random: 'behind random ports (mobile, company)',
  'udp-blocked': 'where UDP is blocked',
}

const PROSPECTS: Readonly<Record<Prospect, string>> = {
  direct: 'direct, at once',
  guessed: 'direct within seconds, by guessing ports',
  relay: 'over frps',
}

/** Finished lines, since the first column is wide. */
export function peerRows({ network }: Examination): string[] {
  const { peers } = network.prognosis
  const line = (name: string, text: string): string => `  ${name.padEnd(40)}${text}`
  // In the order of the names above.
  const kinds = Object.keys(PEER_NAMES) as PeerKind[]
  return [
    line('in the same network', 'direct, at once'),
    ...kinds.map(kind => line(PEER_NAMES[kind], PROSPECTS[peers[kind]])),
  ]
}

/** Most urgent first; empty when all is well. */
export function adviceLines(examination: Examination): string[] {
  return [...serverAdvice(examination), ...udpAdvice(examination), ...natAdvice(examination)]
}

function serverAdvice({ server }: Examination): string[] {
  const failed = server.filter(({ isLoggedIn }) => !isLoggedIn)
  if (failed.length === 0) return []
  if (failed.length < server.length) {
    if (failed[0]?.protocol !== 'tcp') return []
    return ['TCP fails and QUIC works: open the TCP port of frps, for networks without UDP.']
  }
  if (failed.some(({ code }) => code === 'LOGIN_REFUSED' || code === 'AUTH_FAILED')) {
    return ['frps refuses the login: compare auth.token here with the one of frps.']
  }
  return [
    'frps cannot be reached: is it running, are serverAddr and serverPort right, and is that port' +
      ' open in its firewall, for TCP and for UDP?',
  ]
}

function udpAdvice({ server, network }: Examination): string[] {
  const { udp } = network.discovery.profile
  const quic = server.find(({ protocol }) => protocol === 'quic')
  const tcp = server.find(({ protocol }) => protocol === 'tcp')
  const failsQuicOnly = quic?.isLoggedIn === false && tcp?.isLoggedIn === true
  if (failsQuicOnly && quic.code === 'UNSUPPORTED') return []
  if (failsQuicOnly && isRealFrps(server)) {
    // It has QUIC on a port of its own, or none.
    const lines = ['This real frps has no QUIC on this port (quicBindPort): TCP is used.']
    if (!udp) lines.push('Name a STUN server in natHoleStunServer, or allow outgoing UDP.')
    return lines
  }
  if (failsQuicOnly && udp) {
    return [
      'UDP works, but not to frps: open UDP for its port in the firewall of the server' +
        ' (the same number as for TCP).',
    ]
  }
  if (failsQuicOnly || (!udp && server.length === 0)) {
    return [
      'UDP seems to be blocked in this network: allow outgoing UDP in its firewall, at least to' +
        ' the port of frps. Until then frpc works over TCP, and peers over frps.',
    ]
  }
  if (udp || !quic?.isLoggedIn) return []
  return quic.isOurs
    ? ['No STUN server answers: open UDP for the STUN port of frps, too.']
    : ['No STUN server answers: name one that does in natHoleStunServer.']
}

function natAdvice({ network, server }: Examination): string[] {
  const { prognosis, discovery, portMapping, localIps } = network
  const { profile } = discovery
  const { 'udp-blocked': _, ...peers } = prognosis.peers
  const isEasy = Object.values(peers).every(prospect => prospect === 'direct')
  if (!profile.udp || isEasy) return realServerAdvice(server)
  const advice: string[] = []
  const gatewayIp = portMapping?.protocols.find(({ externalIp }) => externalIp)?.externalIp
  if (gatewayIp !== undefined && profile.carrier) {
    advice.push(secondNatAdvice(gatewayIp, profile.externalIps))
  } else if (portMapping?.protocols.some(({ reason }) => reason?.includes('no public address'))) {
    advice.push(
      'The router has no public address of its own: another router or the provider has one more' +
        ' NAT. Make one of two routers a bridge, or ask the provider for an own IPv4 address.',
    )
  } else if (portMapping === undefined) {
    advice.push('natPortMapping = false: the router is not asked to map a port. Remove that line.')
  } else if (portMapping.gateway !== undefined && profile.mapping !== 'none') {
    advice.push(
      `Switch on UPnP, NAT-PMP or PCP in the router (http://${portMapping.gateway}): then every` +
        ' peer gets through directly.',
    )
  }
  if (!profile.ipv6 && !hasIpv6Address(localIps)) {
    advice.push(
      'Switch on IPv6 if your provider has it: where both sides have it no NAT is in the way.',
    )
  }
  return [...advice, ...realServerAdvice(server)]
}

function secondNatAdvice(gatewayIp: string, externalIps: readonly string[]): string {
  const isCarrier = /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(gatewayIp)
  if (isCarrier) {
    return (
      `The provider shares its addresses (carrier NAT: the router has ${gatewayIp}). Mapped ports` +
      ' do not help: ask for an own IPv4 address, or use IPv6.'
    )
  }
  if (isPrivate(gatewayIp)) {
    return (
      `There are two routers in a row (the first one has ${gatewayIp} on its other side): make` +
      ' one of them a bridge, or forward a port in both.'
    )
  }
  return (
    `The internet sees ${externalIps.join(', ')}, the router has ${gatewayIp}: a VPN or one more` +
    ' NAT lies between. Mapped ports do not help there.'
  )
}

function isRealFrps(server: readonly ServerTrial[]): boolean {
  const reached = server.filter(({ isLoggedIn }) => isLoggedIn)
  return reached.length > 0 && reached.every(({ isOurs }) => !isOurs)
}

function realServerAdvice(server: readonly ServerTrial[]): string[] {
  if (!isRealFrps(server)) return []
  return [
    'The server is a real frps: peers connect in its way, without a relay. With frps of quicfrp' +
      ' they start over the relay and move to the direct path.',
  ]
}

function hasQuic(server: readonly ServerTrial[]): boolean {
  return server.some(({ protocol, isLoggedIn }) => protocol === 'quic' && isLoggedIn)
}
