// A UDP socket of a simulated host, bound to all its addresses.

import type { Address } from '../../lib/address.ts'
import { udpPacket } from '../../bench/lab/model/build.ts'
import { read16, read32 } from '../../bench/lab/model/checksum.ts'
import { formatKey, keyOf, type IpKey } from '../../bench/lab/model/ip.ts'
import type { Packet } from '../../bench/lab/model/packet.ts'

export interface SocketHost {
  /** The host's address at this moment; undefined where it has none of that version. */
  addressOf(version: 4 | 6): { readonly text: string; readonly key: IpKey } | undefined
  send(packet: Uint8Array): void
  now(): number
  release(): void
}

export interface Datagram {
  readonly payload: Uint8Array
  readonly from: Address
  readonly at: number
  /** What was left of it. */
  readonly ttl: number
}

/** What ICMP said about a datagram that this socket sent. */
export interface Problem {
  readonly type: 'unreachable' | 'too-long' | 'time-exceeded'
  readonly to: Address
  /** The router, or the host, that said it. */
  readonly by: string
  /** Of `too-long`: the longest packet that would pass. */
  readonly mtu: number | undefined
}

export interface SendOptions {
  readonly ttl?: number
  /** Default true. */
  readonly isUnfragmentable?: boolean
}

export class SimSocket {
  readonly port: number
  /** What came and nobody handled yet: without `onMessage` all of it. */
  readonly received: Datagram[] = []
  readonly problems: Problem[] = []
  onMessage: ((datagram: Datagram) => void) | undefined
  onProblem: ((problem: Problem) => void) | undefined
  readonly #host: SocketHost
  #isClosed = false

  constructor(host: SocketHost, port: number) {
    this.#host = host
    this.port = port
  }

  /** The IPv4 address of the host with the socket's port. */
  address(): Address {
    return { ip: this.#host.addressOf(4)?.text ?? '0.0.0.0', port: this.port }
  }

  /** Like a datagram to a network that is not there where the host lacks that IP version. */
  send(payload: Uint8Array | string, to: Address, options: SendOptions = {}): void {
    if (this.#isClosed) throw new Error('the socket is closed')
    const source = this.#host.addressOf(to.ip.includes(':') ? 6 : 4)
    if (!source) return
    const bytes = udpPacket({
      ...options,
      source: source.key,
      sourcePort: this.port,
      destination: keyOf(to.ip),
      destinationPort: to.port,
      payload: typeof payload === 'string' ? new TextEncoder().encode(payload) : payload,
    })
    this.#host.send(bytes)
  }

  close(): void {
    this.#isClosed = true
    this.#host.release()
  }

  /** For the simulation. */
  handlePacket(packet: Packet): void {
    const { bytes, headerBytes, source, sourcePort, ttl } = packet
    const payload = bytes.subarray(headerBytes + 8)
    const from = { ip: formatKey(source), port: sourcePort }
    const datagram = { payload, from, at: this.#host.now(), ttl }
    if (this.onMessage) this.onMessage(datagram)
    else this.received.push(datagram)
  }

  /** For the simulation: an ICMP error and the packet of ours that it is about. */
  handleProblem(error: Packet, { destination, destinationPort }: Packet): void {
    const type = error.bytes[error.headerBytes] ?? 0
    const code = error.bytes[error.headerBytes + 1] ?? 0
    const isIpv4 = error.version === 4
    const mtuAt = error.headerBytes + (isIpv4 ? 6 : 4)
    const isTooLong = isIpv4 ? type === 3 && code === 4 : type === 2
    const isExpired = type === (isIpv4 ? 11 : 3)
    const problem: Problem = {
      type: isTooLong ? 'too-long' : isExpired ? 'time-exceeded' : 'unreachable',
      to: { ip: formatKey(destination), port: destinationPort },
      by: formatKey(error.source),
      mtu: isTooLong ? (isIpv4 ? read16 : read32)(error.bytes, mtuAt) : undefined,
    }
    if (this.onProblem) this.onProblem(problem)
    else this.problems.push(problem)
  }
}
