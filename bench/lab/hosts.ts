// The hosts of a lab as namespaces: who lives where, and the ip commands that give a namespace its
// addresses and its only way out.

import { existsSync } from 'node:fs'
import type { Addresses, DeviceInput } from './messages.ts'
import type { HostSpec } from './model/spec.ts'
import { ip, namespaceName, namespacePath } from './namespaces.ts'
import { DEVICE } from './tun.ts'

/** Becomes part of a file name, and of an argument of ip. */
const HOST_NAME = /^[a-z][a-z0-9-]{0,31}$/
/**
 * Packets that wait for the router when it has no processor for a moment. The default of a TUN
 * device, 500, is 10 ms of a flow at 50,000 packets/s, and drops what no link of the model drops.
 */
const DEVICE_QUEUE = 5000

export interface Namespace {
  readonly name: string
  readonly hosts: readonly HostSpec[]
}

/**
 * One namespace for each host, but for those that live in that of another (`together`). Throws a
 * RangeError for a name that cannot be.
 */
export function namespacesFor(
  labNumber: number,
  hosts: readonly HostSpec[],
  together: Readonly<Record<string, string>>,
): Namespace[] {
  const names = new Set(hosts.map(({ name }) => name))
  for (const name of names) {
    if (!HOST_NAME.test(name)) throw new RangeError(`host name "${name}": use a-z, 0-9 and -`)
  }
  for (const [guest, owner] of Object.entries(together)) {
    if (!names.has(guest)) throw new RangeError(`there is no host "${guest}"`)
    if (!names.has(owner) || owner in together) {
      throw new RangeError(`host "${guest}" cannot live in the namespace of "${owner}"`)
    }
  }
  return hosts
    .filter(({ name }) => !(name in together))
    .map(owner => ({
      name: namespaceName(labNumber, owner.name),
      hosts: [owner, ...hosts.filter(({ name }) => together[name] === owner.name)],
    }))
}

export function deviceInput({ name, hosts }: Namespace): DeviceInput {
  return { path: namespacePath(name), hosts }
}

/** After the device exists. The first host's address is the one that programs get by default. */
export async function configure({ name, hosts }: Namespace, mtuBytes: number): Promise<void> {
  await ip(
    [
      'link set lo up',
      // No link-local address: no router solicitations and multicast reports in the network.
      ...(hasIpv6() ? [`link set ${DEVICE} addrgenmode none`] : []),
      `link set ${DEVICE} mtu ${mtuBytes} txqueuelen ${DEVICE_QUEUE} up`,
      ...hosts.flatMap(addressesOf).map(addressLine('add')),
      ...hosts.slice(0, 1).flatMap(routesOf),
    ],
    name,
  )
}

/** Gives a host another address: the new one is there before the old one goes. */
export async function readdress(
  namespace: Namespace,
  host: string,
  places: { readonly from: Addresses; readonly to: Addresses },
): Promise<void> {
  const before = addressesOf(places.from)
  const after = addressesOf(places.to)
  await ip(
    [
      ...after.filter(one => !before.includes(one)).map(addressLine('add')),
      ...before.filter(one => !after.includes(one)).map(addressLine('del')),
      // The kernel drops a route together with the address that it prefers.
      ...(namespace.hosts[0]?.name === host ? routesOf(places.to) : []),
    ],
    namespace.name,
  )
}

function addressesOf({ ip, ip6, prefix = 32 }: Addresses): string[] {
  const address = `${ip}/${prefix}`
  return ip6 === undefined ? [address] : [address, `${ip6}/128`]
}

function addressLine(verb: 'add' | 'del'): (address: string) => string {
  return address => {
    // Nobody else can have it, so that nothing is gained from waiting for an answer (RFC 4862).
    const options = verb === 'add' && address.includes(':') ? ' nodad' : ''
    return `address ${verb} ${address} dev ${DEVICE}${options}`
  }
}

function routesOf({ ip, ip6, gateway }: Addresses): string[] {
  // A TUN device has no neighbours to ask for: any address can be the router's.
  const via = gateway === undefined ? '' : ` via ${gateway}`
  const onlink = gateway === undefined ? '' : ' onlink'
  const route4 = `route replace default${via} dev ${DEVICE} src ${ip}${onlink}`
  if (ip6 === undefined) return [route4]
  return [route4, `route replace ::/0 dev ${DEVICE} src ${ip6}`]
}

function hasIpv6(): boolean {
  return existsSync('/proc/net/if_inet6')
}
