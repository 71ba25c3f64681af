// IP addresses as keys of tables: an IPv4 address is its number, an IPv6 address the 16 characters
// of its bytes. Sans-IO.

import { read32 } from './checksum.ts'

export type IpKey = number | string

/** RangeError where the text is no IPv4 address in dotted form. */
export function parseIpv4(text: string): number {
  const parts = text.split('.')
  const isAddress = parts.length === 4 && parts.every(part => /^\d{1,3}$/.test(part) && +part < 256)
  if (!isAddress) throw new RangeError(`"${text}" is not an IPv4 address`)
  return parts.reduce((ip, part) => ip * 256 + Number(part), 0)
}

export function formatIpv4(ip: number): string {
  return `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`
}

/** RangeError where the text is no IPv6 address (without zone; an embedded IPv4 is not read). */
export function parseIpv6(text: string): Uint8Array {
  const [head = '', tail, ...rest] = text.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const missing = 8 - left.length - right.length
  const groups = [...left, ...Array<string>(Math.max(0, missing)).fill('0'), ...right]
  const isWhole = tail === undefined ? missing === 0 : missing > 0
  const isAddress = isWhole && rest.length === 0 && groups.every(one => /^[\da-f]{1,4}$/i.test(one))
  if (!isAddress) throw new RangeError(`"${text}" is not an IPv6 address`)
  return Uint8Array.from(groups.flatMap(one => [parseInt(one, 16) >>> 8, parseInt(one, 16) & 255]))
}

/** Eight groups without `::`. */
export function formatIpv6(bytes: Uint8Array): string {
  const groups: string[] = []
  for (let at = 0; at < 16; at += 2) {
    groups.push((((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16))
  }
  return groups.join(':')
}

export function keyOf(text: string): IpKey {
  return text.includes(':') ? keyAt(parseIpv6(text), 0, 6) : parseIpv4(text)
}

/** The address that stands there in a packet. */
export function keyAt(bytes: Uint8Array, at: number, version: 4 | 6): IpKey {
  return version === 4 ? read32(bytes, at) : String.fromCharCode(...bytes.subarray(at, at + 16))
}

export function formatKey(key: IpKey): string {
  if (typeof key === 'number') return formatIpv4(key)
  return formatIpv6(Uint8Array.from(key, character => character.charCodeAt(0)))
}
