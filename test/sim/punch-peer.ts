// One side of a punching on a simulated network: sockets, timers, and what discovery would have
// found out about its NAT, taken from the box itself.

import { FIRST } from './observers.ts'
import type { Datagram, SimSocket } from './sim-socket.ts'
import type { Simulation } from './simulation.ts'
import type { NatOptions } from '../../bench/lab/model/spec.ts'
import type { Address } from '../../lib/address.ts'
import {
  ProbeSession,
  Puncher,
  type Candidate,
  type NatProfile,
  type Offer,
  type PortAllocation,
  type ProbeKeys,
  type PunchEvent,
  type PunchOptions,
} from '../../nat/index.ts'
import { canonicalIp } from '../../nat/ip.ts'

export type FoundPath = Extract<PunchEvent, { type: 'path' }> & { readonly at: number }

export interface PunchPeerOptions {
  readonly simulation: Simulation
  readonly host: string
  readonly role: 'visitor' | 'owner'
  /** Of the box in front of the host; undefined: none. */
  readonly nat?: NatOptions | undefined
  readonly keys: ProbeKeys
  /** What a message to the peer takes, and a question to frps. */
  readonly serverRttMs: number
  readonly token?: boolean
  /** Candidates besides the one that the observer sees. */
  readonly candidates?: readonly Candidate[]
  /** What discovery got wrong, or what a test wants. */
  readonly profile?: Partial<NatProfile>
  readonly punch?: Partial<PunchOptions>
}

/** Longer than any pair of links of a test. */
const SAMPLE_TIMEOUT_MS = 1000

export class PunchPeer {
  readonly events: PunchEvent[] = []
  readonly paths: FoundPath[] = []
  readonly session: ProbeSession
  /** Datagrams sent by the puncher. */
  sent = 0
  /** Of them, to addresses that the peer did not offer. */
  guessed = 0
  /** How often the driver looked whether something is due. */
  wakeUps = 0
  /** Addresses that something was sent to. */
  readonly sentTo: Set<string> = new Set()
  /** Sees what is received before the puncher does. */
  onDatagram: ((datagram: Datagram) => void) | undefined
  peer: PunchPeer | undefined
  puncher: Puncher | undefined
  readonly #options: PunchPeerOptions
  readonly #sockets = new Map<number, SimSocket>()
  readonly #known = new Set<string>()
  #nextNumber = 1
  #srflx: Address | undefined
  #ports: PortAllocation | undefined
  #cancelTimer: () => void = () => undefined

  constructor(options: PunchPeerOptions) {
    this.#options = options
    const { role, keys, simulation } = options
    this.session = new ProbeSession({ role, keys, random: simulation.random })
    this.#openSocket(0)
  }

  /** Asks an observer; the simulation must run a little. */
  discover(): void {
    this.#ask(0, seen => {
      this.#srflx = seen
      this.#known.clear()
    })
    this.#sample()
  }

  offer: () => Offer = () => {
    const { nat, candidates = [], profile } = this.#options
    const srflx = this.#srflx
    return {
      candidates: [
        ...(srflx ? [{ type: 'srflx' as const, address: srflx }] : []),
        ...candidates,
      ],
      profile: {
        udp: srflx !== undefined,
        mapping: nat ? nat.mapping : 'none',
        filtering: nat ? nat.filtering : 'endpoint-independent',
        ports: this.#ports,
        externalIps: srflx ? [srflx.ip] : [],
        hairpin: nat?.hairpin,
        carrier: undefined,
        ipv6: false,
        ...profile,
      },
    }
  }

  /** What frps has seen. */
  observed(): string[] {
    return this.#srflx ? [this.#srflx.ip] : []
  }

  get reason(): string | undefined {
    return this.events.find(event => event.type === 'gave-up')?.reason
  }

  /** Of the real socket, before any NAT. */
  get port(): number {
    return this.#sockets.get(0)?.port ?? 0
  }

  get openSockets(): number {
    return this.#sockets.size
  }

  /** Makes the puncher and, with the peer's offer, begins. */
  start(remote: Offer, round = 1): void {
    const { simulation, role, serverRttMs, punch } = this.#options
    this.puncher = new Puncher(
      {
        role,
        session: this.session,
        round,
        local: this.offer(),
        random: simulation.random,
        serverRttMs,
        ...punch,
      },
      simulation.now(),
    )
    this.handleRemote(remote)
  }

  handleRemote(remote: Offer): void {
    for (const { address } of remote.candidates) this.#known.add(addressKey(address))
    const observed = this.peer?.observed() ?? []
    this.puncher?.handleRemote({ ...remote, observed }, this.#options.simulation.now())
    this.#drain()
  }

  /** A test may do nothing instead. */
  handleResample: () => void = () => this.#sample(() => this.handleDiscovery(this.offer()))

  /** Discovery has found out more; the peer is told, too. */
  handleDiscovery(offer: Offer): void {
    const { simulation, serverRttMs } = this.#options
    this.puncher?.handleLocal(offer, simulation.now())
    this.#drain()
    simulation.after(serverRttMs, () => this.peer?.handleRemote(offer))
  }

  #openSocket(number: number): void {
    const socket = this.#options.simulation.openSocket(this.#options.host)
    socket.onMessage = datagram => this.#handleDatagram(number, datagram)
    socket.onProblem = () => undefined
    this.#sockets.set(number, socket)
  }

  #handleDatagram(number: number, { payload, from }: Datagram): void {
    const { simulation } = this.#options
    this.onDatagram?.({ payload, from, at: simulation.now(), ttl: 0 })
    this.puncher?.handleDatagram(number, payload, from, simulation.now())
    this.#drain()
  }

  #drain(): void {
    const { simulation } = this.#options
    const { puncher } = this
    if (!puncher) return
    this.wakeUps++
    for (;;) {
      const now = simulation.now()
      const event = puncher.pollEvent()
      if (event) {
        this.#handleEvent(event, puncher)
        continue
      }
      const send = puncher.poll(now)
      if (send) {
        this.sent++
        const to = addressKey(send.to)
        this.sentTo.add(to)
        if (!this.#known.has(to)) this.guessed++
        const options = send.ttl === undefined ? {} : { ttl: send.ttl }
        this.#sockets.get(send.socket)?.send(send.data, send.to, options)
        continue
      }
      const last = puncher.pollEvent()
      if (!last) break
      this.#handleEvent(last, puncher)
    }
    this.#cancelTimer()
    const deadline = puncher.deadline()
    if (deadline === Infinity) return
    // A hundredth more: a sum of times may be a rounding error short of its deadline.
    const waitMs = Math.max(0, deadline - simulation.now()) + 0.01
    this.#cancelTimer = simulation.after(waitMs, () => this.#drain())
  }

  #handleEvent(event: PunchEvent, puncher: Puncher): void {
    const { simulation, serverRttMs, token = true } = this.#options
    this.events.push(event)
    switch (event.type) {
      case 'open-sockets': {
        const numbers = Array.from({ length: event.count }, () => this.#nextNumber++)
        for (const number of numbers) this.#openSocket(number)
        puncher.handleSockets(numbers, simulation.now())
        break
      }
      case 'close-sockets':
        for (const number of event.sockets) {
          this.#sockets.get(number)?.close()
          this.#sockets.delete(number)
        }
        break
      case 'ask-token':
        simulation.after(serverRttMs, () => {
          puncher.handleToken(token, simulation.now())
          this.#drain()
        })
        break
      case 'resample':
        this.handleResample()
        break
      case 'path':
        this.paths.push({ ...event, at: simulation.now() })
        break
      case 'gave-up':
        break
      default:
        event satisfies never
    }
  }

  /** A throw-away socket shows the port that the box gave last, or the block that it gives from. */
  #sample(done?: () => void): void {
    const { nat, simulation } = this.#options
    if (!nat) return
    const number = this.#nextNumber++
    this.#openSocket(number)
    this.#ask(number, ({ port }) => {
      this.#sockets.get(number)?.close()
      this.#sockets.delete(number)
      this.#ports = allocationOf(nat, port, simulation.now())
      done?.()
    })
  }

  #ask(number: number, done: (seen: Address) => void): void {
    const { simulation } = this.#options
    const socket = this.#sockets.get(number)
    const before = socket?.onMessage
    if (!socket) return
    const isDone = { value: false }
    socket.onMessage = datagram => {
      const [word, ip = '', port] = new TextDecoder().decode(datagram.payload).split(' ')
      if (word !== 'same') {
        before?.(datagram)
        return
      }
      isDone.value = true
      socket.onMessage = before
      done({ ip, port: Number(port) })
    }
    const send = (): void => {
      if (isDone.value || !this.#sockets.has(number)) return
      socket.send('same', FIRST)
      simulation.after(100, send)
    }
    send()
    simulation.after(SAMPLE_TIMEOUT_MS, () => (isDone.value = true))
  }
}

function allocationOf({ ports }: NatOptions, seen: number, now: number): PortAllocation {
  switch (ports.type) {
    case 'sequential':
      return {
        type: 'sequential',
        step: ports.step,
        last: seen,
        at: now,
        ratePerSecond: ports.foreignPerSecond,
      }
    case 'random-in-block': {
      const first = 1024 + Math.floor((seen - 1024) / ports.size) * ports.size
      return { type: 'random-in-block', first, size: ports.size }
    }
    default:
      return ports
  }
}

function addressKey({ ip, port }: Address): string {
  return `${canonicalIp(ip)} ${port}`
}
