// Opens the site of a run: this machine's loopback, or a lab with one link.

import { openLab, type Lab } from './lab/index.ts'
import { roundTripMs } from './link-text.ts'
import type { LinkPair } from './links.ts'
import type { LinkControl, Role, Site } from './site.ts'

export interface OpenSite {
  readonly site: Site
  /** Leaves no namespace, device or thread. Safe to call twice. */
  close(): Promise<void>
}

const LOOPBACK = '127.0.0.1'

/** Everything on 127.0.0.1; also for the doors to a user's real server. */
export function loopbackSite(kind: 'loopback' | 'server'): OpenSite {
  return {
    site: {
      kind,
      addresses: { user: LOOPBACK, server: LOOPBACK, client: LOOPBACK, near: LOOPBACK },
      command: (_role, argv) => argv,
    },
    close: () => Promise.resolve(),
  }
}

/** Addresses of documentation networks (RFC 5737), and a private one behind the NAT. */
const ADDRESSES: Readonly<Record<Role, string>> = {
  user: '203.0.113.10',
  server: '198.51.100.10',
  client: '10.77.0.10',
  near: '192.0.2.20',
}
/** Public addresses of the NAT: at first the first one is used. */
const NAT_POOL = ['192.0.2.10']
/** The client's network after it moved. */
const MOVED_POOL = ['192.0.2.11']

const HOME_NAT = {
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  ports: { type: 'preserving' },
  lifeMs: 120_000,
  hairpin: false,
  udpBlocked: false,
} as const

/**
 * user - (the user's leg) - frps - (the tunnel's link) - NAT - frpc and the services; beside the
 * NAT, on a link of the same kind, the host `near` for the direct path. Throws when the machine
 * cannot have one (labSupport() says so before).
 */
export async function openLabSite(pair: LinkPair): Promise<OpenSite> {
  const userLeg = { delayMs: pair.userRoundTripMs / 2 }
  const lab = await openLab({
    hosts: [
      { name: 'user', ip: ADDRESSES.user },
      { name: 'server', ip: ADDRESSES.server },
      { name: 'client', ip: ADDRESSES.client, behind: 'nat' },
      { name: 'near', ip: ADDRESSES.near },
    ],
    boxes: [{ name: 'nat', nat: { ...HOME_NAT, pool: NAT_POOL } }],
    links: {
      user: { up: userLeg, down: userLeg },
      nat: { up: pair.up, down: pair.down },
      near: { up: pair.up, down: pair.down },
    },
  })
  const site: Site = {
    kind: 'lab',
    addresses: ADDRESSES,
    command: (role, [program, ...rest]) => {
      const [first, ...args] = lab.command(role, [program, ...rest]).flat()
      if (first === undefined) throw new Error('the lab gave no command')
      return [first, ...args]
    },
    link: linkControl(lab, pair),
  }
  return { site, close: () => lab.close() }
}

function linkControl(lab: Lab, pair: LinkPair): LinkControl {
  const tunnelRoundTripMs = roundTripMs(pair)
  return {
    pair,
    tunnelRoundTripMs,
    roundTripMs: tunnelRoundTripMs + pair.userRoundTripMs,
    resetNat: () => lab.resetNat('nat'),
    moveClient: async () => {
      await lab.setNat('nat', { ...HOME_NAT, pool: MOVED_POOL })
    },
    change: async options => {
      const [up, down] = [
        { ...pair.up, ...options },
        { ...pair.down, ...options },
      ]
      await lab.setLink('nat', { up, down })
    },
  }
}
