// What this machine's network interfaces have.

import { networkInterfaces } from 'node:os'
import { plainIp } from './address.ts'

export interface InterfaceEntry {
  /** Of the interface. */
  readonly name: string
  readonly ip: string
  /** 32 or 128 where the system does not tell the network's. */
  readonly prefixLength: number
  /** Of a loopback interface. */
  readonly isInternal: boolean
}

/** All addresses, as they are at the moment. */
export function interfaceAddresses(): InterfaceEntry[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.map(({ address, cidr, internal: isInternal }) => {
      const longest = address.includes(':') ? 128 : 32
      const prefixLength = cidr === null ? longest : Number(cidr.split('/')[1])
      return { name, ip: plainIp(address), prefixLength, isInternal }
    }),
  )
}
