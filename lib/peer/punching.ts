// The rounds of punching of one peer connection: gives the machine of nat/punch its sockets, its
// leave and what is newly known, sends what it says, and tells what came of it.

import {
  type FoundPath,
  type Offer,
  type PeerRole,
  type Probe,
  type ProbeSession,
  type PunchEvent,
  Puncher,
  type PunchScope,
} from '../../nat/index.ts'
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { PeerNetwork } from './network.ts'
import type { PeerPort } from './port.ts'
import type { Routes } from './routes.ts'
import type { Signal } from './signals.ts'

/** What it uses of the machine's network. */
export type PunchingNetwork = Omit<PeerNetwork, 'port'> & {
  readonly port: Pick<PeerPort, 'send' | 'openExtra' | 'closeExtra'> | undefined
}

export interface PunchingOptions {
  readonly role: PeerRole
  readonly probes: ProbeSession
  readonly network: PunchingNetwork
  readonly routes: Pick<Routes, 'add' | 'isUsed'>
  readonly clock: Clock
  /** To the other side. */
  readonly send: (signal: Signal) => void
  readonly onPath: (path: FoundPath) => void
  /** The round ends without a path. */
  readonly onGaveUp: (end: { readonly reason: string; readonly isHopeless: boolean }) => void
  /** It has something to do: call `drive` until that is false. */
  readonly onWork: () => void
}

export class Punching {
  readonly #options: PunchingOptions
  /** Sockets that were opened for rounds. */
  readonly #extra = new Set<number>()
  #puncher: Puncher | undefined
  #round = -1
  #isOver = false

  constructor(options: PunchingOptions) {
    this.#options = options
  }

  /** Of the last one; -1 before the first. */
  get round(): number {
    return this.#round
  }

  /** In place of the one before. Tells the other side. */
  begin(round: number, scope: PunchScope): void {
    const { role, probes: session, network, clock, send } = this.#options
    this.#closeUnused()
    const local = network.offer()
    const { serverRttMs, networks, avoid } = network
    const { random } = Math
    this.#round = round
    this.#puncher = new Puncher(
      { role, session, round, local, random, serverRttMs, networks, avoid, scope },
      clock.now(),
    )
    send({ type: 'offer', round, scope, offer: local })
  }

  /** The other side's offer of this round. `observed`: where frps sees it. */
  handleRemote(offer: Offer, observed: readonly string[]): void {
    this.#puncher?.handleRemote({ ...offer, observed }, this.#options.clock.now())
  }

  /** More is known for the round that is under way: both sides plan anew. */
  handleLocal(offer: Offer): void {
    if (this.#puncher === undefined) return
    this.#options.send({ type: 'offer', round: this.#round, scope: 'full', offer })
    this.#puncher.handleLocal(offer, this.#options.clock.now())
    this.#options.onWork()
  }

  /** True: the round answers it where that is needed. */
  handleProbe(socket: number, probe: Probe, from: Address): boolean {
    const now = this.#options.clock.now()
    return this.#puncher?.handleProbe(socket, probe, from, now) === true
  }

  /** Does the next thing that is due; false when there is none until `deadline`. */
  drive(now: number): boolean {
    const puncher = this.#puncher
    const { port } = this.#options.network
    if (puncher === undefined || port === undefined) return false
    const send = puncher.poll(now)
    if (send !== undefined) {
      const { socket, data, to, ttl } = send
      port.send(socket, Buffer.from(data.buffer, data.byteOffset, data.byteLength), to, ttl)
      return true
    }
    const event = puncher.pollEvent()
    if (event === undefined) return false
    this.#handle(event, puncher)
    return true
  }

  /** Infinity: nothing is due. */
  deadline(): number {
    return this.#puncher?.deadline() ?? Infinity
  }

  close(): void {
    this.#isOver = true
    this.#closeUnused()
  }

  #handle(event: PunchEvent, puncher: Puncher): void {
    const { network, routes, clock, onPath, onGaveUp } = this.#options
    switch (event.type) {
      case 'open-sockets':
        void this.#openSockets(event.count, puncher)
        return
      case 'close-sockets':
        this.#closeSockets(event.sockets)
        return
      case 'ask-token':
        puncher.handleToken(network.takeGuessing(this), clock.now())
        return
      case 'resample':
        void this.#resample(puncher)
        return
      case 'path': {
        const { socket, remote, kind, rttMs, technique } = event
        onPath({ id: routes.add(socket, remote), kind, rttMs, technique })
        return
      }
      case 'gave-up':
        onGaveUp(event)
        return
      default:
        event satisfies never
    }
  }

  async #openSockets(count: number, puncher: Puncher): Promise<void> {
    const { network, clock, onWork } = this.#options
    const numbers = (await network.port?.openExtra(count)) ?? []
    for (const number of numbers) this.#extra.add(number)
    if (this.#isOver || this.#puncher !== puncher) {
      this.#closeUnused()
      return
    }
    puncher.handleSockets(numbers, clock.now())
    onWork()
  }

  async #resample(puncher: Puncher): Promise<void> {
    const offer = await this.#options.network.sample()
    if (!this.#isOver && this.#puncher === puncher) this.handleLocal(offer)
  }

  #closeSockets(numbers: readonly number[]): void {
    const { routes, network } = this.#options
    const unused = numbers.filter(number => !routes.isUsed(number))
    for (const number of unused) this.#extra.delete(number)
    network.port?.closeExtra(unused)
  }

  /** Of a round that is over. */
  #closeUnused(): void {
    this.#closeSockets([...this.#extra])
  }
}
