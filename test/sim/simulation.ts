// A network in one process with a time of its own: hosts with UDP sockets on the lab's models of
// links and NAT boxes. Nothing waits; `run` jumps from one thing that is due to the next. One seed
// brings a run back, packet by packet.

import type { Clock } from '../../lib/clock.ts'
import { icmpError } from '../../bench/lab/model/build.ts'
import { keyOf, type IpKey } from '../../bench/lab/model/ip.ts'
import { Network, type Move } from '../../bench/lab/model/network.ts'
import { Packet } from '../../bench/lab/model/packet.ts'
import { seededRandom, type Random } from '../../bench/lab/model/random.ts'
import type { LinkPair, NatOptions, NetworkSpec } from '../../bench/lab/model/spec.ts'
import { TimeQueue } from '../../bench/lab/model/time-queue.ts'
import { SimSocket, type SocketHost } from './sim-socket.ts'

/** Where a host's own choice of a port begins, as on Linux, and how many there are. */
const EPHEMERAL = { first: 32_768, count: 28_232 } as const

interface Timer {
  callback: (() => void) | undefined
}

interface SimHost {
  readonly name: string
  ips: { readonly text: string; readonly key: IpKey }[]
  readonly sockets: Map<number, SimSocket>
}

export class Simulation implements Clock {
  /** For what the test itself leaves to chance; drawing from it changes nothing in the network. */
  readonly random: Random
  readonly #network: Network
  readonly #hosts = new Map<string, SimHost>()
  readonly #timers = new TimeQueue<Timer>()
  #now = 0

  /** RangeError that names what is wrong with the spec. Default seed 1. */
  constructor(spec: NetworkSpec, { seed = 1 }: { readonly seed?: number } = {}) {
    this.#network = new Network(spec, { random: seededRandom(seed) })
    this.random = seededRandom(~seed)
    for (const { name, ...rest } of spec.hosts) {
      this.#hosts.set(name, { name, ips: ipsOf(rest), sockets: new Map() })
    }
  }

  /** Milliseconds since the beginning. */
  now(): number {
    return this.#now
  }

  /** Callbacks of one instant run in the order in which they were set, after its packets. */
  after(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { callback }
    this.#timers.push(this.#now + Math.max(0, delayMs), timer)
    return () => {
      timer.callback = undefined
    }
  }

  /** Port 0, the default, takes one that is free. Error where the port is taken. */
  openSocket(hostName: string, { port = 0 }: { readonly port?: number } = {}): SimSocket {
    const host = this.#host(hostName)
    const own = port === 0 ? this.#freePort(host) : port
    if (host.sockets.has(own)) throw new Error(`port ${own} of ${hostName} is taken`)
    const socket = new SimSocket(this.#socketHost(host, own), own)
    host.sockets.set(own, socket)
    return socket
  }

  /** Lets so much time pass. */
  run(forMs: number): void {
    this.runUntil(() => false, forMs)
  }

  /** Stops right after the event that makes the claim true; false when it never is in that time. */
  runUntil(claim: () => boolean, withinMs: number): boolean {
    const end = this.#now + withinMs
    while (!claim()) {
      const at = Math.min(this.#network.deadline(), this.#timers.nextAt)
      if (at > end) {
        this.#now = end
        return false
      }
      this.#now = Math.max(this.#now, at)
      this.#step()
    }
    return true
  }

  setLink(name: string, pair: Partial<LinkPair>): void {
    this.#network.setLink(name, pair, this.#now)
  }

  setNat(name: string, options: NatOptions): void {
    this.#network.setNat(name, options)
  }

  resetNat(name: string): void {
    this.#network.resetNat(name)
  }

  setCut(one: string, other: string, isCut: boolean): void {
    this.#network.setCut(one, other, isCut)
  }

  /** Open sockets stay open and have the new address, as those of a wildcard do. */
  moveHost(name: string, to: Move): void {
    this.#network.moveHost(name, to)
    this.#host(name).ips = ipsOf(to)
  }

  mappings(box: string): ReturnType<Network['mappings']> {
    return this.#network.mappings(box, this.#now)
  }

  stats(): ReturnType<Network['stats']> {
    return this.#network.stats(this.#now)
  }

  /** One packet, or one timer. */
  #step(): void {
    const delivery = this.#network.poll(this.#now)
    if (delivery) {
      const packet = Packet.parse(delivery.packet)
      if (packet) this.#deliver(this.#host(delivery.host), packet)
    } else if (this.#timers.nextAt <= this.#now) {
      this.#timers.pop()?.callback?.()
    }
  }

  #deliver(host: SimHost, packet: Packet): void {
    if (packet.kind === 'icmp-error') {
      const quoted = packet.quoted()
      if (quoted) host.sockets.get(quoted.sourcePort)?.handleProblem(packet, quoted)
      return
    }
    if (packet.kind !== 'udp') return
    const socket = host.sockets.get(packet.destinationPort)
    if (socket) {
      socket.handlePacket(packet)
      return
    }
    const answer = icmpError(packet, packet.destination, { type: 'port-unreachable' })
    if (answer) this.#network.send(host.name, answer.bytes, this.#now)
  }

  #socketHost(host: SimHost, port: number): SocketHost {
    return {
      addressOf: version => host.ips.find(({ key }) => isOfVersion(key, version)),
      send: bytes => this.#network.send(host.name, bytes, this.#now),
      now: () => this.#now,
      release: () => host.sockets.delete(port),
    }
  }

  #host(name: string): SimHost {
    const host = this.#hosts.get(name)
    if (!host) throw new RangeError(`no host is named "${name}"`)
    return host
  }

  #freePort({ sockets }: SimHost): number {
    for (;;) {
      const port = EPHEMERAL.first + Math.floor(this.random() * EPHEMERAL.count)
      if (!sockets.has(port)) return port
    }
  }
}

function isOfVersion(key: IpKey, version: 4 | 6): boolean {
  return (typeof key === 'number') === (version === 4)
}

function ipsOf({ ip, ip6 }: { readonly ip: string; readonly ip6?: string }): SimHost['ips'] {
  const texts = ip6 === undefined ? [ip] : [ip, ip6]
  return texts.map(text => ({ text, key: keyOf(text) }))
}

