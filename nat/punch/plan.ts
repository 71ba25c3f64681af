// Who guesses whose ports, from what both sides know about their NATs. Both come to matching parts,
// for both have both profiles. Classification orders and excludes nothing: plain probes go out
// whatever this says, and guessing begins late where they should do. Sans-IO.

import type { NatProfile, PortAllocation } from '../types.ts'
import type { PeerRole } from '../probe.ts'
import type { GaveUp, PunchLimits } from './types.ts'

/** Our part in guessing. */
export type GuessPart =
  /** Nobody's ports need to be guessed. */
  | { readonly type: 'none' }
  /** Nothing will find them. */
  | { readonly type: 'hopeless'; readonly reason: GaveUp }
  /** Our ports are guessed: many sockets, each known to our NAT by another port, call the peer. */
  | { readonly type: 'call'; readonly sockets: number; readonly isForeseen: boolean }
  /** The peer's ports are guessed. */
  | { readonly type: 'seek'; readonly ports: PortAllocation }
  /**
   * Both NATs count. One calls one port of the other from many sockets, the other walks over the
   * ports that these will get: they meet however far both are off, within the length of a flight.
   */
  | { readonly type: 'in-step'; readonly part: 'gather' | 'walk' }
  /** Both draw from small blocks: each sends from many ports to many ports. */
  | { readonly type: 'blocks'; readonly first: number; readonly size: number }

export interface GuessPlan {
  readonly part: GuessPart
  /** After the beginning of the round, in milliseconds; what plain probes get for themselves. */
  readonly delayMs: number
}

/** The next ports are known: few sockets are enough, and a carrier's tables are spared. */
const FORESEEN_SOCKETS = 24
/** For blocks of up to 4,096: 51 to 212 probes for 99.9 % (nat-traversal.md §2.2). */
const BLOCK_SOCKETS = 128
const LARGEST_BLOCK = 4096
/**
 * Two blocks are searched in pairs. With 1,024 each 900 mappings a side find one in two; larger
 * ones are out of reach.
 */
const LARGEST_PAIRED_BLOCK = 1024

/** Plain probes have shown by then what they can do, at 30 ms to frps and 40 to the peer. */
const SHORT_DELAY_MS = 100
const LONG_DELAY_MS = 600

export function isHard({ mapping }: NatProfile): boolean {
  return mapping === 'address-dependent' || mapping === 'address-and-port-dependent'
}

/** `hasOtherWay`: there are candidates besides those that servers see (LAN, IPv6, mapped). */
export function planGuessing(
  local: NatProfile,
  remote: NatProfile,
  facts: {
    readonly role: PeerRole
    readonly hasOtherWay: boolean
    readonly limits: PunchLimits
  },
): GuessPlan {
  const part = partOf(local, remote, facts)
  return { part, delayMs: delayOf(local, remote, facts.hasOtherWay) }
}

function partOf(
  local: NatProfile,
  remote: NatProfile,
  { role, limits }: { readonly role: PeerRole; readonly limits: PunchLimits },
): GuessPart {
  if (!isHard(local)) {
    return isHard(remote) ? { type: 'seek', ports: portsOf(remote) } : { type: 'none' }
  }
  const mine = portsOf(local)
  if (!isHard(remote)) {
    const wanted =
      mine.type === 'sequential' || mine.type === 'preserving'
        ? FORESEEN_SOCKETS
        : isSmallBlock(mine, LARGEST_BLOCK)
          ? BLOCK_SOCKETS
          : limits.sockets
    const isForeseen = mine.type === 'sequential'
    return { type: 'call', sockets: Math.min(wanted, limits.sockets), isForeseen }
  }
  const theirs = portsOf(remote)
  // Not looked at yet, perhaps: then it is no verdict.
  if (local.ports === undefined || remote.ports === undefined) return { type: 'none' }
  if (mine.type === 'sequential' && theirs.type === 'sequential') {
    return { type: 'in-step', part: role === 'visitor' ? 'walk' : 'gather' }
  }
  if (
    isSmallBlock(mine, LARGEST_PAIRED_BLOCK) &&
    theirs.type === 'random-in-block' &&
    isSmallBlock(theirs, LARGEST_PAIRED_BLOCK)
  ) {
    return { type: 'blocks', first: theirs.first, size: theirs.size }
  }
  const isHalf = mine.type === 'sequential' || theirs.type === 'sequential'
  return {
    type: 'hopeless',
    reason: isHalf
      ? 'one network chooses ports at random, the other a new one for each peer'
      : 'both networks choose ports at random',
  }
}

function isSmallBlock(ports: PortAllocation, largest: number): boolean {
  return ports.type === 'random-in-block' && ports.size <= largest
}

/** Of a NAT whose mapping depends on the remote; what is not known may be anything. */
function portsOf({ ports }: NatProfile): PortAllocation {
  return ports ?? { type: 'random' }
}

/**
 * Where the easy side lets everybody in, or whoever it has called, the hard side's first datagram
 * is enough. Nobody knows a firewall that was not tested.
 */
function delayOf(local: NatProfile, remote: NatProfile, hasOtherWay: boolean): number {
  const easy = isHard(local) ? remote : local
  const isOpen =
    !isHard(easy) &&
    (easy.filtering === 'endpoint-independent' || easy.filtering === 'address-dependent')
  if (isOpen || (easy.mapping === 'none' && easy.filtering === undefined)) return LONG_DELAY_MS
  // Discovery may be about to find out more.
  if ([local, remote].some(profile => isHard(profile) && !profile.ports)) return LONG_DELAY_MS
  if (hasOtherWay || easy.filtering === undefined) return 3 * SHORT_DELAY_MS
  return SHORT_DELAY_MS
}
