// Which network this machine is in, as a text to compare.

import { networkInterfaces } from 'node:os'

/**
 * The addresses of the interfaces, sorted; another text means that a way to the server may work now
 * that did not before, or the other way round. Of IPv6 only the /64 counts, since hosts change the
 * rest of it daily; link-local and loopback addresses say nothing about the way out.
 */
export function networkFingerprint(interfaces: Interfaces = networkInterfaces()): string {
  const seen = new Set<string>()
  for (const [name, addresses] of Object.entries(interfaces)) {
    for (const { address, family, internal } of addresses ?? []) {
      if (internal || address.toLowerCase().startsWith('fe80:')) continue
      seen.add(`${name} ${family === 'IPv6' ? prefix64(address) : address}`)
    }
  }
  return [...seen].sort().join(', ')
}

interface InterfaceAddress {
  readonly address: string
  readonly family: string
  readonly internal: boolean
}

type Interfaces = Readonly<Record<string, readonly InterfaceAddress[] | undefined>>

function prefix64(address: string): string {
  const [head = '', tail = ''] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === '' ? [] : tail.split(':')
  if (address.includes('::')) {
    while (groups.length + after.length < 8) groups.push('0')
  }
  return [...groups, ...after].slice(0, 4).join(':')
}
