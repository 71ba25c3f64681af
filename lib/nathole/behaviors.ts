// What two peers do to open a hole: frp's five modes with their variants, three of ours, and which
// of them fit a pair of NATs (frp-wire.md section 7.4). Pure; what worked before is
// behavior-memory.ts.
//
// Ours are of use to real peers, too, who follow what they are told whatever it is. In them both
// are receivers: a receiver answers whatever comes, so the first packet that gets through in either
// direction opens the hole, where frp's sender waits for an answer to his own.

import type { NatFeature } from './feature.ts'

export type HoleRole = 'sender' | 'receiver'

/** What one side does. Zero means: not at all. */
export interface HoleBehavior {
  readonly role: HoleRole
  /** IP TTL of its first packets; 0 = the system's. */
  readonly ttl: number
  readonly sendDelayMs: number
  /** Ports on either side of the peer's last one that are tried, at most. */
  readonly rangePorts: number
  /** Random ports of the peer that are tried. */
  readonly randomPorts: number
  /** Sockets that are opened beside the first one. */
  readonly listenPorts: number
  /** Ports that are tried after the peer's last one, in the direction in which they went. */
  readonly aheadPorts: number
  /** Of the ports ahead, beyond the first few, every second one only. */
  readonly skips: boolean
  /** Told only when the other's packets are on their way; every sender is. */
  readonly isLate: boolean
}

export type HoleMode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7

/** From this mode on they are ours, and nobody is a sender. */
export const FIRST_OWN_MODE = 5

/** The owner's and the visitor's part, unless `orient` swaps them. */
export type BehaviorPair = readonly [HoleBehavior, HoleBehavior]

function sender(more: Partial<HoleBehavior> = {}): HoleBehavior {
  return { ...IDLE, role: 'sender', isLate: true, ...more }
}

function receiver(more: Partial<HoleBehavior> = {}): HoleBehavior {
  return { ...IDLE, role: 'receiver', ...more }
}

const IDLE = {
  ttl: 0,
  sendDelayMs: 0,
  rangePorts: 0,
  randomPorts: 0,
  listenPorts: 0,
  aheadPorts: 0,
  skips: false,
  isLate: false,
}
/** A low one dies behind the own NAT and before the peer's; the second is for short paths. */
const TTLS = [7, 4, 0]
const NEAR = { rangePorts: 10 }
const SPRAY = { randomPorts: 1_000, sendDelayMs: 3_000 }
const MANY = { listenPorts: 256 }

/** By mode, then by index, in frp's order: reports and records name them by these numbers. */
export const BEHAVIORS: Readonly<Record<HoleMode, readonly BehaviorPair[]>> = {
  // Both ports are known.
  0: [
    [sender(), receiver({ ttl: 7 })],
    [receiver({ ttl: 7 }), sender()],
    [sender(), receiver({ ttl: 4 })],
    [receiver({ ttl: 4 }), sender()],
    [sender(), receiver()],
    [receiver(), sender()],
    [sender({ sendDelayMs: 5_000 }), receiver()],
    [sender({ sendDelayMs: 10_000 }), receiver()],
    [receiver(), sender({ sendDelayMs: 5_000 })],
    [receiver(), sender({ sendDelayMs: 10_000 })],
  ],
  // The sender's port moves in small steps: the receiver guesses it.
  1: TTLS.flatMap((ttl): BehaviorPair[] => [
    [sender(), receiver({ ttl, ...NEAR })],
    [sender({ sendDelayMs: 2_000 }), receiver({ ttl, ...NEAR })],
  ]),
  // The receiver's port is random: it opens many, and the sender tries many.
  2: TTLS.map((ttl): BehaviorPair => [sender(SPRAY), receiver({ ttl, ...MANY })]),
  // Both ports move in small steps: both guess.
  3: [
    ...TTLS.map((ttl): BehaviorPair => [sender(NEAR), receiver({ ttl, ...NEAR })]),
    ...TTLS.map((ttl): BehaviorPair => [receiver({ ttl, ...NEAR }), sender(NEAR)]),
  ],
  // The sender's port moves in small steps, the receiver's is random.
  4: TTLS.map((ttl): BehaviorPair => [sender(SPRAY), receiver({ ttl, ...MANY, rangePorts: 2 })]),
  // One port moves in steps, and others behind that NAT take ports, too: his packet goes first, and
  // the other tries what comes after his last port. frp tries six either way.
  5: [[receiver(), receiver({ aheadPorts: 150, isLate: true })]],
  // One port is random. Where the other's NAT lets in whatever comes, the first packet does it, and
  // nobody has to guess; else he begins at once where frp's waits three seconds, and tries twice as
  // many. He is late: a real frpc that opens many sockets loses what comes before it looks at them.
  6: [[receiver(MANY), receiver({ randomPorts: 2_000, isLate: true })]],
  // Both ports move in steps. Who sends to port after port uses up his own: when both do so in step
  // each packet comes from where the other sends to. When others took t ports in between, the one
  // who skips meets the other at his t-th port after the first few.
  7: [[receiver({ aheadPorts: 88 }), receiver({ aheadPorts: 48, skips: true })]],
}

/** Of the ports ahead, so many without a gap also by the one who skips. */
export const STEPS_TOGETHER = 8

export interface Scored {
  readonly mode: HoleMode
  readonly index: number
  readonly score: number
}

/** Tried first; each failure costs a point, and frp's begin with 0. */
const OWN_SCORE = 1

/** What fits this pair of NATs, ours first, then in frp's order and with its scores. */
export function variantsFor(owner: NatFeature, visitor: NatFeature): Scored[] {
  const hard = [owner, visitor].filter(({ natType }) => natType === 'HardNAT')
  const regular = hard.filter(({ isRegular }) => isRegular).length
  switch (hard.length) {
    case 0:
      return plain(owner, visitor)
    case 1: {
      const modes: readonly HoleMode[] = regular === 1 ? [1, 2] : [2, 1]
      // A side without a NAT needs no guessing: it answers whatever comes.
      const isOpen = owner.isPublic || visitor.isPublic
      const own = allOf(regular === 1 || isOpen ? 5 : 6, OWN_SCORE)
      return [...own, ...modes.flatMap(mode => allOf(mode, 0)), ...plain(owner, visitor)]
    }
    default:
      if (regular === 2) return [...allOf(7, OWN_SCORE), ...allOf(3, 0), ...allOf(4, 0)]
      if (regular === 1) return allOf(4, 0)
      // Hardly ever works; frp tries, and so do its users.
      return [...allOf(0, 1), ...allOf(1, 1), ...allOf(3, 1)]
  }
}

function allOf(mode: HoleMode, score: number): Scored[] {
  return BEHAVIORS[mode].map((_, index) => ({ mode, index, score }))
}

/** A side without a NAT had better be the receiver: its address is reachable at once. */
function plain(owner: NatFeature, visitor: NatFeature): Scored[] {
  const favourite: HoleRole | undefined = owner.isPublic
    ? 'receiver'
    : visitor.isPublic
      ? 'sender'
      : undefined
  return BEHAVIORS[0].map(([ofOwner], index) => {
    return { mode: 0, index, score: ofOwner.role === favourite ? 1 : 0 }
  })
}

export interface Oriented {
  readonly owner: HoleBehavior
  readonly visitor: HoleBehavior
}

/** Who takes which part: the NAT that a mode is made for must have the part that it is made for. */
export function orient(
  { mode, index }: Pick<Scored, 'mode' | 'index'>,
  owner: NatFeature,
): Oriented {
  const [a, b] = BEHAVIORS[mode][index] ?? [sender(), receiver()]
  const isSwapped =
    (mode === 1 && owner.natType === 'EasyNAT') ||
    (mode === 2 && owner.natType === 'HardNAT') ||
    (mode === 4 && !owner.isRegular) ||
    ((mode === 5 || mode === 6) && owner.natType === 'EasyNAT')
  return isSwapped ? { owner: b, visitor: a } : { owner: a, visitor: b }
}
