// IP addresses with ports: the one form in which they are passed around, and their text forms.

/**
 * `ip` is an IPv4 or IPv6 literal without brackets; an IPv4 peer on a dual-stack socket is plain
 * IPv4.
 */
export interface Address {
  readonly ip: string
  readonly port: number
}

/** `1.2.3.4:80` or `[::1]:80`. */
export function formatAddress({ ip, port }: Address): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

/**
 * `::ffff:1.2.3.4` (an IPv4 user on a dual-stack socket) becomes `1.2.3.4`; anything else stays.
 */
export function plainIp(ip: string): string {
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(ip) ? ip.slice(7) : ip
}

/** True for the address forms that mean "all interfaces". */
export function isWildcard(ip: string): boolean {
  return ip === '' || ip === '0.0.0.0' || ip === '::'
}
