// Opens a hole: drives the machine of hole.ts with real sockets. A shell.

import { randomBytes } from 'node:crypto'
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import { Alarm } from '../control/alarm.ts'
import { TunnelError } from '../errors.ts'
import type { UdpSocket } from '../udp/index.ts'
import { deriveKey, IV_BYTES } from '../wire/cipher.ts'
import type { NatHoleResp } from '../wire/messages.ts'
import { addressScope } from '../../nat/index.ts'
import { parseHoleAddress, parseHoleAddresses } from './feature.ts'
import { Hole, type HoleOutput } from './hole.ts'
import type { HoleSockets } from './hole-sockets.ts'
import type { PreparedHole } from './prepared-hole.ts'
import { newTransactionId } from './signalling.ts'

/** A way to the peer that was tried in both directions. */
export interface OpenHole {
  /** For the tunnel, which owns it from now on. Datagrams of the hole do not reach it. */
  readonly socket: UdpSocket
  readonly remote: Address
  /** Where else the peer may be: a few of its addresses as servers and as it sees itself. */
  readonly others: readonly Address[]
}

export interface PunchOptions {
  readonly answer: NatHoleResp
  readonly secretKey: string
  /** At the side that the tunnel begins at. */
  readonly isTunnelStart?: (data: Buffer) => boolean
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Datagrams of the hole may come for so long after it is open: the peer repeats them, too. */
const AFTERGLOW_MS = 5_000
/** Of the peer's other addresses, which are no use when it has so many. */
const MAX_OTHERS = 8
/** A list of frps is no longer. */
const MAX_ADDRESSES = 32
/** Longer ones are the tunnel's. */
const MAX_HOLE_BYTES = 400

/**
 * Does what frps told, and resolves with the socket that got through. Owns the sockets of
 * `prepared`. Rejects with TIMED_OUT when nothing did, or ABORTED.
 */
export function punch(prepared: PreparedHole, options: PunchOptions): Promise<OpenHole> {
  return new Promise((resolve, reject) => new Punching(prepared, options, { resolve, reject }))
}

/**
 * Where a peer may make us send to: not to this machine itself, unless the STUN server sits on it,
 * too, nor to what is no single machine.
 */
export function holeTargets(texts: readonly string[], mapped: readonly string[]): Address[] {
  const scopes = mapped.map(text => addressScope(parseHoleAddress(text)?.ip ?? ''))
  return parseHoleAddresses(texts, MAX_ADDRESSES).filter(({ ip }) => {
    const scope = addressScope(ip)
    if (scope === 'loopback') return scopes.includes('loopback')
    return scope === 'global' || scope === 'private' || scope === 'carrier'
  })
}

interface Settle {
  resolve(hole: OpenHole): void
  reject(error: TunnelError): void
}

class Punching {
  readonly #sockets: HoleSockets
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #settle: Settle
  readonly #peer: readonly Address[]
  readonly #hole: Hole
  readonly #alarm: Alarm
  readonly #onAbort: () => void
  #isOver = false

  constructor(prepared: PreparedHole, options: PunchOptions, settle: Settle) {
    const { answer, secretKey, isTunnelStart, clock, signal } = options
    const { sockets, mapped_addrs: mapped } = prepared
    this.#sockets = sockets
    this.#clock = clock
    this.#signal = signal
    this.#settle = settle
    const candidates = holeTargets(answer.candidate_addrs, mapped)
    const assisted = holeTargets(answer.assisted_addrs, mapped)
    this.#peer = [...candidates, ...assisted]
    this.#hole = new Hole(
      {
        sid: answer.sid,
        transactionId: newTransactionId(),
        key: deriveKey(secretKey),
        behavior: answer.detect_behavior,
        candidates,
        assisted,
        isTunnelStart,
        random: Math.random,
        newIv: () => randomBytes(IV_BYTES),
      },
      clock.now(),
    )
    this.#alarm = new Alarm(clock, () => this.#drain())
    this.#onAbort = () => this.#fail(new TunnelError('ABORTED', 'hole punching was given up'))
    signal.addEventListener('abort', this.#onAbort)
    sockets.listen((socket, data, from) => {
      const isHoles = this.#hole.handleDatagram(socket, data, from, clock.now())
      this.#drain()
      return isHoles
    })
    if (signal.aborted) this.#onAbort()
    else this.#drain()
  }

  #drain(): void {
    for (;;) {
      if (this.#isOver) return
      const output = this.#hole.poll(this.#clock.now())
      if (output === undefined) break
      this.#apply(output)
    }
    this.#alarm.set(this.#hole.deadline())
  }

  #apply(output: HoleOutput): void {
    switch (output.type) {
      case 'open-sockets':
        void this.#sockets.openMore(output.count).then(count => {
          this.#hole.handleSockets(count, this.#clock.now())
          this.#drain()
        })
        return
      case 'send':
        this.#sockets.send(output.socket, output.data, output.to, output.ttl)
        return
      case 'open':
        this.#open(output.socket, output.remote)
        return
      case 'failed':
        this.#fail(new TunnelError('TIMED_OUT', 'nothing of the other side came through'))
        return
      default:
        output satisfies never
    }
  }

  #open(number: number, remote: Address): void {
    const socket = this.#sockets.hand(number)
    this.#signal.removeEventListener('abort', this.#onAbort)
    if (socket === undefined) return
    this.#sockets.listen((from, data, address) => {
      if (from !== number || data.length > MAX_HOLE_BYTES) return false
      const isHoles = this.#hole.handleDatagram(from, data, address, this.#clock.now())
      if (isHoles) this.#drain()
      return isHoles
    })
    this.#clock.after(AFTERGLOW_MS, () => this.#end())
    const others = this.#peer.filter(({ ip, port }) => ip !== remote.ip || port !== remote.port)
    this.#settle.resolve({ socket, remote, others: others.slice(0, MAX_OTHERS) })
  }

  #fail(error: TunnelError): void {
    this.#end()
    void this.#sockets.close()
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#settle.reject(error)
  }

  #end(): void {
    this.#isOver = true
    this.#alarm.set(undefined)
    this.#sockets.listen(undefined)
  }
}
