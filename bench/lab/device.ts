// Which host of the network a packet comes from. Several hosts may live in one namespace, as a
// machine does that has one address behind a NAT and one that is reached directly; the source
// address then tells them apart.

import { keyAt, keyOf } from './model/ip.ts'
import type { IpKey } from './model/ip.ts'
import type { Addresses, DeviceInput } from './messages.ts'
import type { Device } from './router.ts'

/** Where the source address stands: RFC 791 §3.1, RFC 8200 §3. */
const SOURCE_4 = 12
const SOURCE_6 = 8
const HEADER_6_BYTES = 40

export class HostDevice implements Device {
  readonly fd: number
  readonly names: readonly string[]
  readonly #first: string
  readonly #nameOf = new Map<IpKey, string>()

  /** `hosts` are one at least. */
  constructor(fd: number, hosts: DeviceInput['hosts']) {
    this.fd = fd
    this.names = hosts.map(({ name }) => name)
    this.#first = this.names[0] ?? ''
    for (const host of hosts) this.#add(host.name, host)
  }

  hostOf(packet: Uint8Array): string {
    if (this.names.length === 1) return this.#first
    return this.#nameOf.get(sourceOf(packet)) ?? this.#first
  }

  move(name: string, to: Addresses): void {
    for (const [address, owner] of this.#nameOf) {
      if (owner === name) this.#nameOf.delete(address)
    }
    this.#add(name, to)
  }

  #add(name: string, { ip, ip6 }: Addresses): void {
    this.#nameOf.set(keyOf(ip), name)
    if (ip6 !== undefined) this.#nameOf.set(keyOf(ip6), name)
  }
}

/** Of a packet that the kernel made, which has a whole header. */
function sourceOf(packet: Uint8Array): IpKey {
  const is6 = (packet[0] ?? 0) >> 4 === 6 && packet.length >= HEADER_6_BYTES
  return is6 ? keyAt(packet, SOURCE_6, 6) : keyAt(packet, SOURCE_4, 4)
}
