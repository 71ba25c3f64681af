// struct sockaddr_in and sockaddr_in6 of Linux, as bytes.

import type { Address } from '../address.ts'

export const AF_INET = 2
export const AF_INET6 = 10
export const SOCKADDR_BYTES = 28

/**
 * Writes `address` for a socket of the family into `target` (28 bytes) and returns the length used.
 * An IPv4 address on an IPv6 socket becomes its v4-mapped form.
 */
export function writeSockaddr(target: Buffer, { ip, port }: Address, family: number): number {
  target.fill(0)
  target.writeUInt16LE(family, 0)
  target.writeUInt16BE(port, 2)
  if (family === AF_INET) {
    writeIpv4(target, 4, ip)
    return 16
  }
  if (ip.includes(':')) {
    writeIpv6(target, 8, ip)
  } else {
    target.writeUInt16BE(0xffff, 18)
    writeIpv4(target, 20, ip)
  }
  return SOCKADDR_BYTES
}

/**
 * The bytes of addresses that the kernel wrote, as latin1, so that an answer need not put them
 * together. Beside the addresses, which stay plain objects of two fields.
 */
const names = new WeakMap<Address, string>()

/** As readSockaddr; `name` is what it reads, as latin1. */
export function readNamed(source: Buffer, name: string): Address {
  const address = readSockaddr(source)
  names.set(address, name)
  return address
}

/** What writeSockaddr writes, as latin1. */
export function nameOf(address: Address, family: number): string {
  const known = names.get(address)
  if (known !== undefined && known.length === SOCKADDR_LENGTH[family]) return known
  const bytes = Buffer.alloc(SOCKADDR_BYTES)
  return bytes.toString('latin1', 0, writeSockaddr(bytes, address, family))
}

const SOCKADDR_LENGTH: Readonly<Record<number, number>> = { [AF_INET]: 16, [AF_INET6]: 28 }

/** Reads what the kernel wrote. A v4-mapped address becomes plain IPv4. */
export function readSockaddr(source: Buffer): Address {
  const port = source.readUInt16BE(2)
  if (source.readUInt16LE(0) === AF_INET) return { ip: readIpv4(source, 4), port }
  const isMapped = source.readBigUInt64BE(8) === 0n && source.readUInt32BE(16) === 0x0000ffff
  if (isMapped) return { ip: readIpv4(source, 20), port }
  return { ip: readIpv6(source, 8), port }
}

function writeIpv4(target: Buffer, offset: number, ip: string): void {
  ip.split('.').forEach((part, index) => target.writeUInt8(Number(part), offset + index))
}

function readIpv4(source: Buffer, offset: number): string {
  return source.subarray(offset, offset + 4).join('.')
}

function writeIpv6(target: Buffer, offset: number, ip: string): void {
  // A zone (`%eth0`) has no place in the address bytes.
  const [text = ''] = ip.split('%')
  const [head = '', tail] = text.split('::')
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').flatMap(group => parseGroup(group))
  const first = groups(head)
  const last = tail === undefined ? [] : groups(tail)
  first.forEach((group, index) => target.writeUInt16BE(group, offset + index * 2))
  const gap = 8 - last.length
  last.forEach((group, index) => target.writeUInt16BE(group, offset + (gap + index) * 2))
}

/** One group, or the two that a dotted tail (`::ffff:1.2.3.4`) stands for. */
function parseGroup(group: string): number[] {
  if (!group.includes('.')) return [Number.parseInt(group, 16)]
  const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
  return [(a << 8) | b, (c << 8) | d]
}

/** RFC 5952: lower case, the longest run of zero groups (of two or more) shortened. */
function readIpv6(source: Buffer, offset: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => source.readUInt16BE(offset + index * 2))
  let bestAt = 0
  let bestLength = 1
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (at + length < 8 && groups[at + length] === 0) length++
    if (length > bestLength) {
      bestAt = at
      bestLength = length
    }
  }
  const text = (part: number[]): string => part.map(group => group.toString(16)).join(':')
  if (bestLength < 2) return text(groups)
  return `${text(groups.slice(0, bestAt))}::${text(groups.slice(bestAt + bestLength))}`
}
