// One peer's part in opening a hole as frp's exchange told it: what is sent from which socket when,
// and what an answer means (frp-wire.md section 7.6). Sans-IO. It speaks with a real frpc, which
// sends each datagram once; everything of ours is repeated until something comes back.
//
// Beyond frp: a receiver says at once that it has heard, to whoever it guesses the sender to be. A
// real sender waits for just that, so that one of our packets that gets through is enough.

import { formatAddress, type Address } from '../address.ts'
import type { DetectBehavior } from '../wire/messages.ts'
import { FIRST_OWN_MODE } from './behaviors.ts'
import { decodeSidPacket, encodeSidPacket } from './sid-packet.ts'

export interface HoleOptions {
  readonly sid: string
  readonly transactionId: string
  /** Of secretKey. */
  readonly key: Buffer
  readonly behavior: DetectBehavior
  /** The peer's, as servers see him, and as he sees himself. */
  readonly candidates: readonly Address[]
  readonly assisted: readonly Address[]
  /**
   * The side that the tunnel begins at takes its first datagram, which this knows, as a sign of
   * life, too.
   */
  readonly isTunnelStart: ((data: Buffer) => boolean) | undefined
  /** 0..1. */
  readonly random: () => number
  /** 16 bytes of chance, new for each packet. */
  readonly newIv: () => Buffer
}

export type HoleOutput =
  /** Open so many more sockets, then say `handleSockets`. */
  | { readonly type: 'open-sockets'; readonly count: number }
  /** `socket` 0 is the one that servers have seen; `ttl` 0 = the system's. */
  | {
      readonly type: 'send'
      readonly socket: number
      readonly to: Address
      readonly data: Buffer
      readonly ttl: number
    }
  /** The peer is there. More may be sent from that socket to him; the others can be closed. */
  | { readonly type: 'open'; readonly socket: number; readonly remote: Address }
  | { readonly type: 'failed' }

/** Tries of one address, in milliseconds from the first; then every LATE_MS. */
const TRIES_MS = [0, 100, 200, 400, 800, 1_600]
const LATE_MS = 1_600
/** The low TTL is for the first packet; a normal one follows whatever becomes of that. */
const LOW_TTL_MS = 0
/** Ports of a range, and sockets, follow one another so closely; frp takes as long for ports. */
const STEP_MS = 2
/** A range, and all of many sockets, are tried again this often: what is in it may have moved. */
const WIDE_TRIES_MS = [0, 500, 2_000]
/** Where ports are guessed nothing else goes out meanwhile, since that would move them. */
const AFTER_RANGE_MS = 200
/** Random ports: so many in a second. frp tries 67. */
const SPRAY_MS = 5
const MAX_SPRAYED = 2_048
/** A sender waits at most so long before it goes on: the receiver was told before him. */
const MAX_SEND_DELAY_MS = 200
/** A sender who hears the receiver but gets no answer takes him as found. */
const UNANSWERED_MS = 400
/** Answers to a sender who cannot be asked whether he got them. */
const ANSWERS_MS = [0, 40, 120, 280, 600]
const MIN_TIMEOUT_MS = 1_000
const MAX_TIMEOUT_MS = 60_000
const DEFAULT_TIMEOUT_MS = 5_000
const MAX_SOCKETS = 256
const MAX_RANGE_PORTS = 256
const MAX_CANDIDATES = 8
const MAX_ASSISTED = 16
/** Ports that are sprayed: frp's, without those of services. */
const FIRST_PORT = 1_024

interface Planned {
  readonly at: number
  readonly socket: number
  readonly to: Address
  readonly ttl: number
  readonly isAnswer?: boolean
}

/** Times in milliseconds. */
export class Hole {
  readonly #options: HoleOptions
  readonly #isSender: boolean
  /** Unasked, what we send is an answer: the peer is a sender. */
  readonly #answersUnasked: boolean
  readonly #endsAt: number
  readonly #outputs: HoleOutput[] = []
  /** By time. */
  #planned: Planned[] = []
  #sprayAt: number | undefined
  readonly #sprayed = new Set<number>()
  #sockets = 1
  #heard: { readonly at: number; readonly socket: number; readonly remote: Address } | undefined
  #phase: 'sockets' | 'trying' | 'open' | 'failed' = 'trying'

  constructor(options: HoleOptions, now: number) {
    this.#options = options
    const { behavior } = options
    this.#isSender = behavior.role === 'sender'
    this.#answersUnasked = !this.#isSender && behavior.mode < FIRST_OWN_MODE
    const wanted = behavior.read_timeout > 0 ? behavior.read_timeout : DEFAULT_TIMEOUT_MS
    const delay = Math.max(0, behavior.send_delay_ms)
    this.#endsAt = now + Math.min(MAX_TIMEOUT_MS, Math.max(MIN_TIMEOUT_MS, wanted + delay))
    const more = this.#isSender ? 0 : Math.min(MAX_SOCKETS, behavior.listen_random_ports)
    if (more > 0) {
      this.#phase = 'sockets'
      this.#outputs.push({ type: 'open-sockets', count: more })
    } else this.#plan(now)
  }

  /** `count` more sockets are there: 1 to `count`. It may be fewer than were asked for. */
  handleSockets(count: number, now: number): void {
    if (this.#phase !== 'sockets') return
    this.#phase = 'trying'
    this.#sockets = 1 + count
    this.#plan(now)
  }

  /** True when it was a datagram of this hole, or one that opened it. */
  handleDatagram(socket: number, data: Buffer, from: Address, now: number): boolean {
    if (this.#phase === 'failed') return false
    const { key, sid } = this.#options
    const packet = decodeSidPacket(data, key)
    if (packet?.sid === sid) {
      this.#handlePacket(socket, packet.isResponse, from, now)
      return true
    }
    if (this.#phase === 'open' || !this.#isTunnelOfPeer(data, from)) return false
    this.#open(socket, from, now)
    // It is the tunnel's to read.
    return false
  }

  poll(now: number): HoleOutput | undefined {
    const output = this.#outputs.shift()
    if (output !== undefined || this.#phase === 'failed') return output
    const [next] = this.#planned
    if (next !== undefined && next.at <= now) {
      this.#planned.shift()
      return this.#send(next)
    }
    if (this.#phase !== 'trying') return undefined
    if (this.#heard !== undefined && this.#heard.at + UNANSWERED_MS <= now) {
      this.#open(this.#heard.socket, this.#heard.remote, now)
      return this.#outputs.shift()
    }
    if (now >= this.#endsAt) {
      this.#phase = 'failed'
      return { type: 'failed' }
    }
    return this.#spray(now)
  }

  deadline(): number | undefined {
    if (this.#phase === 'failed') return undefined
    let at = this.#planned[0]?.at ?? Infinity
    if (this.#phase !== 'open') {
      at = Math.min(at, this.#endsAt, this.#sprayAt ?? Infinity)
      if (this.#heard !== undefined) at = Math.min(at, this.#heard.at + UNANSWERED_MS)
    }
    return at === Infinity ? undefined : at
  }

  #handlePacket(socket: number, isResponse: boolean, from: Address, now: number): void {
    if (this.#phase === 'open') {
      // He asks again: our answer was lost.
      if (!isResponse) this.#push({ at: now, socket, to: from, ttl: 0, isAnswer: true })
      return
    }
    if (isResponse || !this.#isSender) this.#open(socket, from, now)
    // A real receiver answers us only when one of ours has come.
    else if (this.#heard === undefined) {
      this.#heard = { at: now, socket, remote: from }
      this.#push({ at: now, socket, to: from, ttl: 0 })
    }
  }

  #open(socket: number, remote: Address, now: number): void {
    this.#phase = 'open'
    this.#sprayAt = undefined
    this.#outputs.push({ type: 'open', socket, remote })
    const isAnswer = !this.#isSender
    this.#planned = ANSWERS_MS.map(after => {
      return { at: now + after, socket, to: remote, ttl: 0, isAnswer }
    })
  }

  #plan(now: number): void {
    const { behavior, assisted, candidates } = this.#options
    const ttl = Math.max(0, Math.min(255, behavior.ttl))
    const delay = this.#isSender ? Math.min(MAX_SEND_DELAY_MS, behavior.send_delay_ms) : 0
    // Each new remote takes a port of a hard NAT: first come those that the peer counts on.
    const peers = [...candidates.slice(0, MAX_CANDIDATES), ...assisted.slice(0, MAX_ASSISTED)]
    const ports = this.#rangeAddresses()
    const isGuessing = ports.length > 0 && !this.#isSender
    const startMs = isGuessing ? ports.length * STEP_MS + AFTER_RANGE_MS : 0
    const planned: Planned[] = []
    for (const after of this.#triesUntilEnd(now)) {
      for (const to of peers) {
        const isFirst = after === LOW_TTL_MS
        planned.push({ at: now + startMs + after, socket: 0, to, ttl: isFirst ? ttl : 0 })
      }
    }
    for (const after of WIDE_TRIES_MS) {
      let at = now + after
      const isFirst = after === LOW_TTL_MS
      for (const to of ports) {
        for (let socket = 0; socket < this.#sockets; socket++) {
          planned.push({ at, socket, to, ttl: isFirst ? ttl : 0 })
        }
        at += STEP_MS
      }
      for (let socket = 1; socket < this.#sockets; socket++) {
        for (const to of candidates.slice(0, MAX_CANDIDATES)) {
          planned.push({ at, socket, to, ttl: isFirst ? ttl : 0 })
        }
        if (socket % 4 === 0) at += STEP_MS
      }
    }
    this.#planned = planned.sort((a, b) => a.at - b.at)
    if (behavior.send_random_ports > 0) this.#sprayAt = now + delay
  }

  #triesUntilEnd(now: number): number[] {
    const tries = [...TRIES_MS]
    for (let at = (tries.at(-1) ?? 0) + LATE_MS; now + at < this.#endsAt; at += LATE_MS) {
      tries.push(at)
    }
    return tries
  }

  /** The ports that frps has guessed, at each address of the peer. */
  #rangeAddresses(): Address[] {
    const { behavior, candidates } = this.#options
    const found: Address[] = []
    for (const ip of ipsOf(candidates)) {
      for (const { from, to } of behavior.candidate_ports) {
        for (let port = Math.max(1, from); port <= Math.min(65_535, to); port++) {
          if (found.length >= MAX_RANGE_PORTS) return found
          found.push({ ip, port })
        }
      }
    }
    return found
  }

  #spray(now: number): HoleOutput | undefined {
    if (this.#sprayAt === undefined || this.#sprayAt > now) return undefined
    const [ip] = ipsOf(this.#options.candidates)
    if (ip === undefined || this.#sprayed.size >= MAX_SPRAYED) {
      this.#sprayAt = undefined
      return undefined
    }
    let port: number
    do port = FIRST_PORT + Math.floor(this.#options.random() * (65_536 - FIRST_PORT))
    while (this.#sprayed.has(port))
    this.#sprayed.add(port)
    // Late wake-ups must not turn into a burst.
    this.#sprayAt = Math.max(this.#sprayAt + SPRAY_MS, now - 4 * SPRAY_MS)
    return this.#send({ at: now, socket: 0, to: { ip, port }, ttl: 0 })
  }

  #push(planned: Planned): void {
    this.#planned.unshift(planned)
  }

  #send({ socket, to, ttl, isAnswer = this.#answersUnasked }: Planned): HoleOutput {
    const { sid, transactionId, key, random, newIv } = this.#options
    const packet = { sid, transactionId, isResponse: isAnswer }
    const data = encodeSidPacket(packet, { key, iv: newIv(), random })
    return { type: 'send', socket, to, data, ttl }
  }

  /** From one of the peer's addresses. */
  #isTunnelOfPeer(data: Buffer, from: Address): boolean {
    const { candidates, assisted, isTunnelStart } = this.#options
    if (isTunnelStart?.(data) !== true) return false
    return [...candidates, ...assisted].some(({ ip }) => ip === from.ip)
  }
}

function ipsOf(addresses: readonly Address[]): string[] {
  return [...new Set(addresses.slice(0, MAX_CANDIDATES).map(({ ip }) => ip))]
}

/** For logs: where the peer may be. */
export function describePeer({ candidates, assisted }: HoleOptions): string {
  const list = (addresses: readonly Address[]): string => addresses.map(formatAddress).join(' ')
  return `candidates [${list(candidates)}], local [${list(assisted)}]`
}
