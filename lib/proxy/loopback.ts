// A loopback address for each user's IP address, so that a game's bans and logs can tell players
// apart although all of them come from this machine. Pure.

import { isIPv4 } from 'node:net'

/**
 * An address in 127.0.0.0/8, the same for a user's IP address whenever he comes; undefined where
 * the service is not on an IPv4 loopback address, which then could not answer. 127.0.x.y is left to
 * the machine itself, and no part is 0 or 255.
 */
export function loopbackFor(userIp: string, serviceIp: string): string | undefined {
  if (!isIPv4(serviceIp) || !serviceIp.startsWith('127.')) return undefined
  // FNV-1a: two users of 16 million addresses seldom meet, and nothing depends on it.
  let hash = 0x811c9dc5
  for (let at = 0; at < userIp.length; at++) {
    hash = Math.imul(hash ^ userIp.charCodeAt(at), 0x01000193) >>> 0
  }
  const parts = [hash >>> 24, (hash >>> 12) & 0xfff, hash & 0xfff]
  return `127.${parts.map(part => 1 + (part % 254)).join('.')}`
}
