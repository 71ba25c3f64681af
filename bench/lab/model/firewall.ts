// The stateful firewall that a home router is for IPv6 (RFC 6092): addresses stay, and from outside
// comes in who was spoken to, as the filtering of the box says. Sans-IO.

import type { Packet } from './packet.ts'
import type { Milliseconds, NatOptions } from './spec.ts'

const TCP_LIFE_MS = 7_440_000
const SWEEP_EVERY = 4096

export class Firewall {
  readonly #options: NatOptions
  /** Flow to end of its life. */
  readonly #open = new Map<string, Milliseconds>()
  #sinceSweep = 0

  constructor(options: NatOptions) {
    this.#options = options
  }

  outbound(packet: Packet, now: Milliseconds): boolean {
    if (packet.kind === 'icmp-error' || packet.kind === 'other') return true
    this.#refresh(this.#flow(packet, 'source'), packet, now)
    return true
  }

  inbound(packet: Packet, now: Milliseconds): boolean {
    const quoted = packet.quoted()
    const flow = quoted ? this.#flow(quoted, 'source') : this.#flow(packet, 'destination')
    if ((this.#open.get(flow) ?? -Infinity) <= now) return false
    if (!quoted && this.#options.isRefreshedInbound !== false) this.#refresh(flow, packet, now)
    return true
  }

  #refresh(flow: string, { kind }: Packet, now: Milliseconds): void {
    const { lifeMs, tcpLifeMs = TCP_LIFE_MS } = this.#options
    this.#open.set(flow, now + (kind === 'tcp' ? tcpLifeMs : lifeMs))
    if (++this.#sinceSweep < SWEEP_EVERY) return
    this.#sinceSweep = 0
    for (const [known, endsAt] of this.#open) if (endsAt <= now) this.#open.delete(known)
  }

  /** `inside` says which end of the packet is ours. */
  #flow(packet: Packet, inside: 'source' | 'destination'): string {
    const { source, sourcePort, destination, destinationPort, kind } = packet
    const [ip, port, remote, remotePort] =
      inside === 'source'
        ? [source, sourcePort, destination, destinationPort]
        : [destination, destinationPort, source, sourcePort]
    const own = `${kind} ${ip} ${port}`
    if (this.#options.filtering === 'endpoint-independent') return own
    if (this.#options.filtering === 'address-dependent') return `${own} ${remote}`
    return `${own} ${remote} ${remotePort}`
  }
}
