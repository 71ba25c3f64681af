// One end of a peer connection on the simulated network: the real policy, and the least that it
// needs around it. A relay that forwards, punching that only tries one address, and a transport
// with a window, acknowledgements and probe time-outs as QUIC has them.

import { Alarm } from '../../../lib/control/alarm.ts'
import { formatAddress, type Address } from '../../../lib/address.ts'
import { PathPolicy, type Hint, type PathRole, type Route } from '../../../nat/index.ts'
import type { SimSocket } from '../../sim/sim-socket.ts'
import type { Simulation } from '../../sim/simulation.ts'

export const RELAY_PORT = 7000

/** When an address is tried, from the beginning of a round. */
const CHECKS_MS = [0, 33, 66, 133, 266, 533, 1066]
const OFFERS_MS = [0, 100, 300]
const ROUND_MS = 2000
const WINDOW = 2

export type Message =
  | { readonly type: 'probe' | 'answer'; readonly nonce: number }
  | { readonly type: 'hint'; readonly hint: Hint }
  | { readonly type: 'check' | 'checked'; readonly sentAt: number }
  | { readonly type: 'offer'; readonly round: number; readonly address: Address }
  | { readonly type: 'data' | 'ack'; readonly number: number }

/** To and from the relay: who am I, and pass this on. */
export type RelayMessage =
  | { readonly type: 'whoami'; readonly from: PathRole }
  | { readonly type: 'you'; readonly address: Address }
  | { readonly type: 'relayed'; readonly from: PathRole; readonly message: Message }

export function encode(message: Message | RelayMessage): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(message))
}

export function decode(payload: Uint8Array): Message | RelayMessage {
  // Only this file's own messages travel here.
  return JSON.parse(new TextDecoder().decode(payload)) as Message | RelayMessage
}

export class SimulatedPeer {
  readonly policy: PathPolicy
  readonly socket: SimSocket
  /** Datagrams sent, by the route's kind. */
  readonly sent = { relay: 0, direct: 0 }
  /** When data with a new number came. */
  readonly arrivals: number[] = []
  /** Those on a direct path. */
  readonly directArrivals: number[] = []
  /** What was used from when on. */
  readonly uses: { readonly at: number; readonly route: Route }[] = []
  /** Packets that do not leave this end: a cut of this direction of the direct paths. */
  isCut = false
  peer: SimulatedPeer | undefined
  readonly #simulation: Simulation
  readonly #role: PathRole
  readonly #relay: Address
  readonly #alarm: Alarm
  readonly #probedAt = new Map<number, number>()
  readonly #remotes = new Map<number, Address>()
  readonly #ids = new Map<string, number>()
  #use: { readonly route: Route; readonly duplicate: Route | undefined } = {
    route: 'relay',
    duplicate: undefined,
  }
  #onAddress: ((address: Address) => void) | undefined
  #round = 0

  // The transport.
  #isSending = false
  #nextNumber = 1
  #newest = 0
  readonly #inFlight = new Map<number, number>()
  #smoothedMs = 60
  #timeouts = 0
  #endTimeout: (() => void) | undefined

  constructor(simulation: Simulation, host: string, role: PathRole, relay: Address) {
    this.#simulation = simulation
    this.#role = role
    this.#relay = relay
    this.socket = simulation.openSocket(host)
    this.policy = new PathPolicy({ role, random: simulation.random }, simulation.now())
    this.#alarm = new Alarm(simulation, () => this.drive())
    this.socket.onMessage = ({ payload, from }) => this.#handle(decode(payload), from)
    this.socket.send(encode({ type: 'whoami', from: role }), relay)
    this.policy.handleRelay(true, 60, simulation.now())
  }

  startSending(): void {
    this.#isSending = true
    this.#fillWindow()
  }

  stopSending(): void {
    this.#isSending = false
    this.#inFlight.clear()
    this.#endTimeout?.()
  }

  handleNetworkChange(): void {
    this.policy.handleNetworkChange(this.#simulation.now())
    this.drive()
  }

  drive(): void {
    const now = this.#simulation.now()
    for (let command = this.policy.poll(now); command; command = this.policy.poll(now)) {
      switch (command.type) {
        case 'probe':
          this.#probedAt.set(command.nonce, now)
          this.#send(command.route, { type: 'probe', nonce: command.nonce })
          break
        case 'use':
          this.#use = command
          this.uses.push({ at: now, route: command.route })
          if (this.#isSending) this.#sendData()
          break
        case 'hint':
          this.#send(command.route, { type: 'hint', hint: command.hint })
          break
        case 'punch':
          this.#beginRound(command.round)
          break
        case 'drop': {
          const remote = this.#remotes.get(command.path)
          this.#remotes.delete(command.path)
          if (remote) this.#ids.delete(formatAddress(remote))
          break
        }
        case 'rediscover':
          break
        default:
          command satisfies never
      }
    }
    this.#alarm.set(this.policy.deadline())
  }

  // ---- punching: both ask the relay for their address, tell each other, and check

  #beginRound(round: number): void {
    this.#round = round
    this.#onAddress = address => this.#send('relay', { type: 'offer', round, address })
    // Each may be lost; an offer that comes twice does no harm.
    for (const delayMs of OFFERS_MS) {
      this.#simulation.after(delayMs, () => {
        this.socket.send(encode({ type: 'whoami', from: this.#role }), this.#relay)
      })
    }
    this.#simulation.after(ROUND_MS, () => {
      if (this.#round !== round || this.#role !== 'visitor') return
      const { kind } = this.policy.state()
      const reason = kind === 'relay' ? 'nothing opened' : undefined
      this.policy.handlePunchEnd({ reason, isHopeless: false }, this.#simulation.now())
      this.drive()
    })
  }

  #check(to: Address): void {
    for (const delayMs of CHECKS_MS) {
      this.#simulation.after(delayMs, () => {
        const isKnown = this.#ids.has(formatAddress(to))
        if (isKnown) return
        this.#sendTo(to, { type: 'check', sentAt: this.#simulation.now() })
      })
    }
  }

  // ---- datagrams

  #handle(message: Message | RelayMessage, from: Address): void {
    if (message.type === 'you') {
      this.#onAddress?.(message.address)
    } else if (message.type === 'relayed') {
      this.#handlePeer('relay', message.message, from)
    } else if (message.type !== 'whoami') {
      this.#handlePeer(this.#ids.get(formatAddress(from)), message, from)
    }
    this.drive()
  }

  #handlePeer(route: Route | undefined, message: Message, from: Address): void {
    const now = this.#simulation.now()
    if (route !== undefined) this.policy.handleInbound(route, now)
    switch (message.type) {
      case 'probe': {
        const answer: Message = { type: 'answer', nonce: message.nonce }
        if (route === 'relay') this.#send(route, answer)
        else this.#sendTo(from, answer)
        // From an address that is new: it may be a path.
        if (route === undefined) this.#check(from)
        break
      }
      case 'answer': {
        const sentAt = this.#probedAt.get(message.nonce)
        if (sentAt === undefined || route === undefined) break
        this.policy.handleProbeAnswer(route, message.nonce, now - sentAt, now)
        break
      }
      case 'check':
        this.#sendTo(from, { type: 'checked', sentAt: message.sentAt })
        if (route === undefined) this.#check(from)
        break
      case 'checked':
        this.#addPath(from, now - message.sentAt)
        break
      case 'hint':
        this.policy.handleHint(message.hint, now)
        break
      case 'offer':
        if (this.#role === 'owner' && message.round > this.#round) this.#beginRound(message.round)
        this.#check(message.address)
        break
      case 'data':
        this.policy.handleActivity(now)
        this.#sendUsed({ type: 'ack', number: message.number })
        if (message.number <= this.#newest) break
        this.#newest = message.number
        this.arrivals.push(now)
        if (route !== 'relay') this.directArrivals.push(now)
        break
      case 'ack':
        this.#handleAck(message.number)
        break
      default:
        message satisfies never
    }
  }

  #addPath(remote: Address, rttMs: number): void {
    const key = formatAddress(remote)
    const id = this.#ids.get(key) ?? this.#ids.size + 1 + 100 * this.#remotes.size
    this.#ids.set(key, id)
    this.#remotes.set(id, remote)
    const now = this.#simulation.now()
    this.policy.handlePath({ id, kind: 'v4', rttMs, technique: 'plain' }, now)
  }

  #sendUsed(message: Message): void {
    const { route, duplicate } = this.#use
    this.#send(route, message)
    if (duplicate !== undefined) this.#send(duplicate, message)
  }

  #send(route: Route, message: Message): void {
    if (route === 'relay') {
      this.sent.relay++
      this.socket.send(encode({ type: 'relayed', from: this.#role, message }), this.#relay)
      return
    }
    const remote = this.#remotes.get(route)
    if (remote) this.#sendTo(remote, message)
  }

  #sendTo(to: Address, message: Message): void {
    this.sent.direct++
    if (!this.isCut) this.socket.send(encode(message), to)
  }

  // ---- transport

  #fillWindow(): void {
    while (this.#isSending && this.#inFlight.size < WINDOW) this.#sendData()
    this.drive()
  }

  #sendData(): void {
    const now = this.#simulation.now()
    const number = this.#nextNumber++
    this.#inFlight.set(number, now)
    this.policy.handleActivity(now)
    this.policy.handleOutbound(now)
    this.#sendUsed({ type: 'data', number })
    this.#armTimeout()
  }

  #handleAck(number: number): void {
    const sentAt = this.#inFlight.get(number)
    if (sentAt === undefined) return
    // A sample from an outage would make the next time-outs longer than a real transport has them.
    const sampleMs = this.#simulation.now() - sentAt
    if (this.#timeouts === 0) this.#smoothedMs += (sampleMs - this.#smoothedMs) / 8
    this.#timeouts = 0
    for (const older of this.#inFlight.keys()) if (older <= number) this.#inFlight.delete(older)
    this.#armTimeout()
    this.#fillWindow()
  }

  /** RFC 9002 §6.2: the window does not hold a probe back, and each waits twice as long. */
  #armTimeout(): void {
    this.#endTimeout?.()
    if (!this.#isSending) return
    const delayMs = (1.5 * this.#smoothedMs + 25) * 2 ** this.#timeouts
    this.#endTimeout = this.#simulation.after(delayMs, () => {
      this.#timeouts++
      this.#sendData()
      this.#sendData()
      this.drive()
    })
  }
}
