// The keys in privilege_key and sign_key: hex(MD5(secret || decimal timestamp)). frp-wire.md
// section 4.1.

import { createHash, timingSafeEqual } from 'node:crypto'

/** `timestamp` in Unix seconds. 32 lower-case hex digits. */
export function authKey(secret: string, timestamp: number): string {
  return createHash('md5').update(`${secret}${timestamp}`).digest('hex')
}

/**
 * Whether `given` is the key for this secret and timestamp. Takes the same time for every wrong
 * key.
 */
export function isAuthKey(secret: string, timestamp: number, given: string): boolean {
  const wanted = Buffer.from(authKey(secret, timestamp))
  const offered = Buffer.from(given)
  return offered.length === wanted.length && timingSafeEqual(offered, wanted)
}
