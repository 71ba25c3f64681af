// One mapping of a NAT box and how long it lives: the remotes that it admits, and for TCP what is
// known of the connection's end. Sans-IO.

import { FIN, RST, SYN, type Packet } from './packet.ts'
import type { Milliseconds, NatOptions } from './spec.ts'

export type MappedKind = 'tcp' | 'udp' | 'icmp'
export type Direction = 'out' | 'in'

/** What a packet of a remote needs to come in; the filtering says who shares one. */
export interface Admission {
  expiresAt: Milliseconds
  isAnswered: boolean
  /** TCP: the directions that have sent a FIN; a RST is both, and more. */
  hasFinOut: boolean
  hasFinIn: boolean
  isReset: boolean
}

export interface Mapping {
  readonly kind: MappedKind
  readonly insideIp: number
  readonly insidePort: number
  readonly outsideIp: number
  readonly outsidePort: number
  /** 0, the remote's address, or its address and port, as the mapping depends on. */
  readonly remoteKey: number
  readonly admissions: Map<number, Admission>
  /** The latest of its admissions. */
  expiresAt: Milliseconds
}

const TCP_LIFE_MS = 7_440_000
/** Linux's tcp_timeout_syn_sent and time_wait, and close. */
const TCP_OPENING_MS = 120_000
const TCP_FINISHED_MS = 120_000
const TCP_RESET_MS = 10_000

export type Lives = Pick<NatOptions, 'lifeMs' | 'unansweredLifeMs' | 'tcpLifeMs'>

/** Lets a remote in from now on, for as long as `touch` says. */
export function admit(mapping: Mapping, key: number): Admission {
  const known = mapping.admissions.get(key)
  if (known) return known
  const admission: Admission = {
    expiresAt: 0,
    isAnswered: false,
    hasFinOut: false,
    hasFinIn: false,
    isReset: false,
  }
  mapping.admissions.set(key, admission)
  return admission
}

/** A packet has passed: the admission, and with it the mapping, lives on. */
export function touch(
  mapping: Mapping,
  admission: Admission,
  passed: { readonly packet: Packet; readonly direction: Direction; readonly now: Milliseconds },
  lives: Lives,
): void {
  if (passed.direction === 'in') admission.isAnswered = true
  const isEnding = mapping.kind === 'tcp' && noteFlags(admission, passed)
  admission.expiresAt = passed.now + lifeOf(mapping.kind, admission, lives)
  if (isEnding) {
    mapping.expiresAt = 0
    for (const { expiresAt } of mapping.admissions.values()) {
      mapping.expiresAt = Math.max(mapping.expiresAt, expiresAt)
    }
  }
  mapping.expiresAt = Math.max(mapping.expiresAt, admission.expiresAt)
}

/** True where the connection is over now, so that its life may have become shorter. */
function noteFlags(
  admission: Admission,
  { packet, direction }: { readonly packet: Packet; readonly direction: Direction },
): boolean {
  const flags = packet.tcpFlags
  if ((flags & SYN) !== 0 && direction === 'out') {
    admission.hasFinIn = admission.hasFinOut = admission.isReset = false
  }
  if ((flags & RST) !== 0) admission.isReset = true
  if ((flags & FIN) === 0) return (flags & RST) !== 0
  if (direction === 'out') admission.hasFinOut = true
  else admission.hasFinIn = true
  return true
}

function lifeOf(kind: MappedKind, admission: Admission, lives: Lives): Milliseconds {
  const { lifeMs, unansweredLifeMs = lifeMs, tcpLifeMs = TCP_LIFE_MS } = lives
  if (kind !== 'tcp') return admission.isAnswered ? lifeMs : unansweredLifeMs
  if (admission.isReset) return TCP_RESET_MS
  if (admission.hasFinIn && admission.hasFinOut) return TCP_FINISHED_MS
  return admission.isAnswered ? tcpLifeMs : Math.min(tcpLifeMs, TCP_OPENING_MS)
}
