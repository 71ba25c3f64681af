// IP addresses as bytes, for codecs and for asking to which range one belongs.

import { isIPv4, isIPv6 } from 'node:net'
import type { Address } from '../lib/address.ts'

/** 4 or 16 bytes; undefined where the text is no IP address, or has a zone (`fe80::1%eth0`). */
export function ipBytes(ip: string): Uint8Array | undefined {
  if (isIPv4(ip)) return Uint8Array.from(ip.split('.'), Number)
  if (!isIPv6(ip) || ip.includes('%')) return undefined
  const dotted = ip.lastIndexOf('.') > 0 ? ip.slice(ip.lastIndexOf(':') + 1) : ''
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number)
  const tail = [(a << 8) | b, (c << 8) | d].map(group => group.toString(16)).join(':')
  const text = dotted === '' ? ip : ip.slice(0, -dotted.length) + tail
  const [head = '', rest] = text.split('::')
  const left = groups(head)
  const right = groups(rest ?? '')
  const gap = rest === undefined ? 0 : 8 - left.length - right.length
  const all = [...left, ...Array<number>(Math.max(0, gap)).fill(0), ...right]
  return Uint8Array.from(all.flatMap(group => [group >>> 8, group & 0xff]))
}

/** The text of 4 or 16 bytes, as RFC 5952 section 4 writes it but for a dotted end. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const texts: string[] = []
  // The longest run of zero groups, the first of several.
  let [gapAt, gapLength, length] = [0, 1, 0]
  for (let at = 0; at < bytes.length; at += 2) {
    const group = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
    texts.push(group.toString(16))
    length = group === 0 ? length + 1 : 0
    if (length > gapLength) [gapAt, gapLength] = [texts.length - length, length]
  }
  if (gapLength === 1) return texts.join(':')
  return `${texts.slice(0, gapAt).join(':')}::${texts.slice(gapAt + gapLength).join(':')}`
}

/** One text for all ways to write an address; what is no address stays as it is. */
export function canonicalIp(ip: string): string {
  const bytes = ipBytes(ip)
  return bytes ? formatIp(bytes) : ip
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16))
}

export function isSameIp(one: string, other: string): boolean {
  return one === other || canonicalIp(one) === canonicalIp(other)
}

export function isSameAddress(one: Address, other: Address): boolean {
  return one.port === other.port && isSameIp(one.ip, other.ip)
}

/** An IPv4 or IPv6 literal, without a zone. */
export function isIpAddress(text: string): boolean {
  return ipBytes(text) !== undefined
}
