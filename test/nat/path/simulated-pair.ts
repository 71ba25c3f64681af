// Two peers behind home routers, 30 ms to the relay and 40 ms to each other.

import type { Address } from '../../../lib/address.ts'
import { natOfClass } from '../../../bench/lab/model/nat-classes.ts'
import { Simulation } from '../../sim/simulation.ts'
import { RELAY_PORT, SimulatedPeer, decode, encode } from './simulated-peer.ts'

export interface PairOptions {
  readonly seed: number
  /** On each home link, each way. */
  readonly loss?: number
}

export class SimulatedPair {
  readonly simulation: Simulation
  readonly visitor: SimulatedPeer
  readonly owner: SimulatedPeer
  #isRelayDown = false

  constructor({ seed, loss = 0 }: PairOptions) {
    const home = { up: { delayMs: 10, loss }, down: { delayMs: 10, loss } }
    // Endpoint-independent, and another port each time: what is forgotten comes back elsewhere.
    const router = (ip: string): ReturnType<typeof natOfClass> =>
      natOfClass('C3', [ip], { ports: { type: 'random' } })
    this.simulation = new Simulation(
      {
        hosts: [
          { name: 'relay', ip: '198.51.100.1' },
          { name: 'visitor', ip: '192.168.1.10', behind: 'home-v' },
          { name: 'owner', ip: '192.168.1.10', behind: 'home-o' },
        ],
        boxes: [
          { name: 'home-v', nat: router('203.0.113.1') },
          { name: 'home-o', nat: router('203.0.113.2') },
        ],
        links: {
          'home-v': home,
          'home-o': home,
          relay: { up: { delayMs: 5 }, down: { delayMs: 5 } },
        },
      },
      { seed },
    )
    const relay: Address = { ip: '198.51.100.1', port: RELAY_PORT }
    this.#openRelay()
    this.visitor = new SimulatedPeer(this.simulation, 'visitor', 'visitor', relay)
    this.owner = new SimulatedPeer(this.simulation, 'owner', 'owner', relay)
    this.simulation.run(100)
    this.visitor.drive()
    this.owner.drive()
  }

  get isDirect(): boolean {
    return this.visitor.policy.state().kind !== 'relay'
  }

  /** False when that took longer. */
  waitForDirect(withinMs: number): boolean {
    return this.simulation.runUntil(
      () => this.isDirect && this.owner.policy.state().kind !== 'relay',
      withinMs,
    )
  }

  setRelay({ isDown }: { readonly isDown: boolean }): void {
    this.#isRelayDown = isDown
  }

  /** The router forgets all mappings. */
  rebind(home: 'home-v' | 'home-o'): void {
    this.simulation.resetNat(home)
  }

  /** The line has another address. */
  readdress(home: 'home-v' | 'home-o'): void {
    this.simulation.setNat(home, natOfClass('C3', ['203.0.113.77'], { ports: { type: 'random' } }))
  }

  /** Forwards to where each peer was heard last, as a QUIC connection that follows its client. */
  #openRelay(): void {
    const socket = this.simulation.openSocket('relay', { port: RELAY_PORT })
    const addresses = new Map<string, Address>()
    socket.onMessage = ({ payload, from }) => {
      if (this.#isRelayDown) return
      const message = decode(payload)
      if (message.type !== 'whoami' && message.type !== 'relayed') return
      addresses.set(message.from, from)
      if (message.type === 'whoami') {
        socket.send(encode({ type: 'you', address: from }), from)
        return
      }
      const to = addresses.get(message.from === 'visitor' ? 'owner' : 'visitor')
      if (to) socket.send(payload, to)
    }
  }
}

/** The longest time without a new packet, from `from` on. */
export function longestSilence(arrivals: readonly number[], from: number, to: number): number {
  const times = [from, ...arrivals.filter(at => at > from && at < to), to]
  return times.reduce((most, at, index) => Math.max(most, at - (times[index - 1] ?? at)), 0)
}

/** 0 < share < 1. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
