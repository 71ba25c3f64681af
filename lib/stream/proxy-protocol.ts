// The PROXY protocol header that tells a local service who its user is: version 1 as text, version
// 2 as bytes. https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt; when frp writes it:
// frp-wire.md section 5.3.

import { isIPv4 } from 'node:net'
import { plainIp, type Address } from '../address.ts'

export interface ProxyHeaderOptions {
  readonly version: 'v1' | 'v2'
  /** The user, as the server saw it. An IP literal. */
  readonly source: Address
  /** Where the user connected to. An IP literal; frp puts 127.0.0.1 where it is unknown. */
  readonly destination: Address
  /** `udp` marks datagrams in v2 and has no form of its own in v1. Default tcp. */
  readonly network?: 'tcp' | 'udp'
}

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const VERSION_2_PROXY = 0x21

/**
 * The bytes that go in front of the first payload. When one address is IPv4 and the other IPv6,
 * both are written as IPv6, the IPv4 one as ::ffff:a.b.c.d: the format has no mixed form, and a
 * receiver would refuse one.
 */
export function encodeProxyHeader(options: ProxyHeaderOptions): Buffer {
  const { version, network = 'tcp' } = options
  const source = { ip: plainIp(options.source.ip), port: options.source.port }
  const destination = { ip: plainIp(options.destination.ip), port: options.destination.port }
  const isV4 = isIPv4(source.ip) && isIPv4(destination.ip)
  if (version === 'v2') return encodeBinary({ source, destination, isV4, network })
  if (network === 'udp') return Buffer.from('PROXY UNKNOWN\r\n')
  const [from, to] = isV4 ? [source.ip, destination.ip] : [asV6(source.ip), asV6(destination.ip)]
  const family = isV4 ? 'TCP4' : 'TCP6'
  return Buffer.from(`PROXY ${family} ${from} ${to} ${source.port} ${destination.port}\r\n`)
}

interface BinaryHeader {
  readonly source: Address
  readonly destination: Address
  readonly isV4: boolean
  readonly network: 'tcp' | 'udp'
}

function encodeBinary({ source, destination, isV4, network }: BinaryHeader): Buffer {
  const ips = [source.ip, destination.ip].map(ip => (isV4 ? v4Bytes(ip) : v6Bytes(ip)))
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(source.port, 0)
  ports.writeUInt16BE(destination.port, 2)
  const addresses = Buffer.concat([...ips, ports])
  const head = Buffer.alloc(4)
  head[0] = VERSION_2_PROXY
  head[1] = (isV4 ? 0x10 : 0x20) | (network === 'tcp' ? 1 : 2)
  head.writeUInt16BE(addresses.length, 2)
  return Buffer.concat([SIGNATURE, head, addresses])
}

function asV6(ip: string): string {
  return isIPv4(ip) ? `::ffff:${ip}` : withoutZone(ip)
}

function withoutZone(ip: string): string {
  return ip.replace(/%.*$/, '')
}

function v4Bytes(ip: string): Buffer {
  return Buffer.from(ip.split('.').map(Number))
}

function v6Bytes(ip: string): Buffer {
  const bytes = Buffer.alloc(16)
  if (isIPv4(ip)) {
    bytes.fill(255, 10, 12)
    v4Bytes(ip).copy(bytes, 12)
    return bytes
  }
  const [front = '', back] = withoutZone(ip).split('::')
  const head = groups(front)
  const tail = back === undefined ? Buffer.alloc(0) : groups(back)
  head.copy(bytes)
  tail.copy(bytes, 16 - tail.length)
  return bytes
}

// The last group can be a dotted IPv4 address.
function groups(text: string): Buffer {
  if (text === '') return Buffer.alloc(0)
  return Buffer.concat(
    text.split(':').map(group => {
      if (group.includes('.')) return v4Bytes(group)
      const bytes = Buffer.alloc(2)
      bytes.writeUInt16BE(Number.parseInt(group, 16))
      return bytes
    }),
  )
}
