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

export function isLoopback(ip: string): boolean {
  return ip === '::1' || ip.startsWith('127.')
}

/**
 * What to count by when somebody's share is limited: one IPv4 address, or the /64 that one IPv6
 * user has to himself.
 */
export function networkKey(ip: string): string {
  if (!ip.includes(':')) return ip
  const [head = '', tail] = ip.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  const groups = [...left, ...Array<string>(gap).fill('0'), ...right]
  return groups
    .slice(0, 4)
    .map(group => group.replace(/^0+(?=.)/, ''))
    .join(':')
}
