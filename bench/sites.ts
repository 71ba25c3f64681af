// Opens the site of a run: this machine's loopback, or a lab with one link.

import { spawnSync } from 'node:child_process'
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
  // One that preserves ports gives the same one again after it forgot, and nothing would change.
  ports: { type: 'random' },
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
  for (const host of lab.hosts.keys()) useCubic(lab, host)
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

/**
 * Linux' default, which the goals speak of. A namespace begins with that of the machine, where
 * somebody may have chosen bbr: then TCP mode and the flows beside a tunnel would be others than
 * those of most users. The route says it, as the namespace may not (tcp_allowed_congestion_control).
 */
function useCubic(lab: Lab, host: string): void {
  const change = 'ip route change $(ip route show default) congctl cubic'
  const [command = '', ...args] = lab.command(host, ['sh', '-c', change]).flat()
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the lab cannot use TCP's cubic: ${stderr.trim()}`)
}

function linkControl(lab: Lab, pair: LinkPair): LinkControl {
  const tunnelRoundTripMs = roundTripMs(pair)
  let isMoved = false
  return {
    pair,
    tunnelRoundTripMs,
    roundTripMs: tunnelRoundTripMs + pair.userRoundTripMs,
    resetNat: () => lab.resetNat('nat'),
    moveClient: async () => {
      isMoved = !isMoved // the lab outlives a run, and may be moved again
      await lab.setNat('nat', { ...HOME_NAT, pool: isMoved ? MOVED_POOL : NAT_POOL })
    },
    carried: async () => {
      const nat = (await lab.stats()).network.links['nat']
      return {
        packets: (nat?.up.packets ?? 0) + (nat?.down.packets ?? 0),
        bytes: (nat?.up.bytes ?? 0) + (nat?.down.bytes ?? 0),
      }
    },
    lateMs: async () => (await lab.stats()).router.lateMs.p99,
    change: async options => {
      const [up, down] = [
        { ...pair.up, ...options },
        { ...pair.down, ...options },
      ]
      await lab.setLink('nat', { up, down })
    },
  }
}
