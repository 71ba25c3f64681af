// Ports that a box forwards because a host inside asked it to by NAT-PMP (RFC 6886): whoever sends
// there comes in, and what the host sends from there goes out from there; not in fragments. Sans-IO.

import { read16, read32, write16, write32 } from './checksum.ts'
import { udpPacket } from './build.ts'
import { keyOf, parseIpv4, type IpKey } from './ip.ts'
import { Packet } from './packet.ts'
import type { Milliseconds, NatOptions } from './spec.ts'

/** Where the box listens, at its inside address. */
const NAT_PMP_PORT = 5351

const ANSWER = 128
const EXTERNAL_ADDRESS = 0
const MAP_UDP = 1
/** Results. */
const UNSUPPORTED_VERSION = 1
const NO_RESOURCES = 4
const UNSUPPORTED_OPERATION = 5
const MAX_FORWARDS = 64

interface Forward {
  readonly insideIp: number
  readonly insidePort: number
  readonly outsidePort: number
  readonly expiresAt: Milliseconds
}

/** Of UDP, on the first public address of the box. */
export class Forwards {
  readonly #gateway: IpKey | undefined
  readonly #outsideIp: number
  /** By outside port. */
  readonly #forwards = new Map<number, Forward>()

  constructor({ gateway, pool }: NatOptions) {
    this.#gateway = gateway === undefined ? undefined : keyOf(gateway)
    this.#outsideIp = parseIpv4(pool[0] ?? '0.0.0.0')
  }

  /** Whether the packet, of somebody inside, is for the box itself. */
  isGateway({ destination }: Packet): boolean {
    return this.#gateway !== undefined && destination === this.#gateway
  }

  /** The box's answer to such a packet. `isFree` says whether a port of it may be had. */
  serve(
    packet: Packet,
    isFree: (ip: number, port: number) => boolean,
    now: Milliseconds,
  ): Packet | undefined {
    const { kind, source, sourcePort, destination, destinationPort } = packet
    if (kind !== 'udp' || destinationPort !== NAT_PMP_PORT) return undefined
    const request = packet.bytes.subarray(packet.headerBytes + 8)
    const isOurs = (port: number): boolean => isFree(this.#outsideIp, port)
    const payload = this.#answer(request, Number(source), isOurs, now)
    const back = { source: destination, sourcePort: destinationPort }
    const to = { destination: source, destinationPort: sourcePort }
    return payload && Packet.parse(udpPacket({ ...back, ...to, payload }))
  }

  has(ip: number, port: number, now: Milliseconds): boolean {
    return ip === this.#outsideIp && this.#fromOutside(port, now) !== undefined
  }

  /** True when the packet was one of a forward's and has its outside source now. */
  takeOut(packet: Packet, now: Milliseconds): boolean {
    if (packet.kind !== 'udp') return false
    const forward = this.#fromInside(Number(packet.source), packet.sourcePort, now)
    if (forward) packet.rewriteSource(this.#outsideIp, forward.outsidePort)
    return forward !== undefined
  }

  /** The same from outside, with the inside destination. */
  takeIn(packet: Packet, now: Milliseconds): boolean {
    if (packet.kind !== 'udp' || packet.destination !== this.#outsideIp) return false
    const forward = this.#fromOutside(packet.destinationPort, now)
    if (forward) packet.rewriteDestination(forward.insideIp, forward.insidePort)
    return forward !== undefined
  }

  #fromOutside(port: number, now: Milliseconds): Forward | undefined {
    const forward = this.#forwards.get(port)
    return forward !== undefined && forward.expiresAt > now ? forward : undefined
  }

  #fromInside(ip: number, port: number, now: Milliseconds): Forward | undefined {
    for (const forward of this.#forwards.values()) {
      const { insideIp, insidePort, expiresAt } = forward
      if (insideIp === ip && insidePort === port && expiresAt > now) return forward
    }
    return undefined
  }

  /** To a request of the host `insideIp`; undefined for what is none. */
  #answer(
    request: Uint8Array,
    insideIp: number,
    isFree: (port: number) => boolean,
    now: Milliseconds,
  ): Uint8Array | undefined {
    if (request.length < 2) return undefined
    const [version, operation = 0] = request
    if (operation >= ANSWER) return undefined
    if (version !== 0) return answerOf(operation, UNSUPPORTED_VERSION, 8, now)
    if (operation === EXTERNAL_ADDRESS) {
      const answer = answerOf(operation, 0, 12, now)
      write32(answer, 8, this.#outsideIp)
      return answer
    }
    if (operation !== MAP_UDP || request.length < 12) {
      return answerOf(operation, UNSUPPORTED_OPERATION, 8, now)
    }
    const insidePort = read16(request, 4)
    const wish = read16(request, 6) || insidePort
    const seconds = read32(request, 8)
    const known = this.#fromInside(insideIp, insidePort, now)
    const isPossible = this.#forwards.size < MAX_FORWARDS && isFree(wish)
    const outsidePort = known?.outsidePort ?? (isPossible ? wish : undefined)
    if (outsidePort === undefined) return answerOf(operation, NO_RESOURCES, 16, now)
    // A lease of 0 s gives the port back (section 3.4).
    if (seconds === 0) this.#forwards.delete(outsidePort)
    else {
      const expiresAt = now + seconds * 1000
      this.#forwards.set(outsidePort, { insideIp, insidePort, outsidePort, expiresAt })
    }
    const answer = answerOf(operation, 0, 16, now)
    write16(answer, 8, insidePort)
    write16(answer, 10, seconds === 0 ? 0 : outsidePort)
    write32(answer, 12, seconds)
    return answer
  }
}

function answerOf(operation: number, result: number, length: number, now: Milliseconds): Uint8Array {
  const answer = new Uint8Array(length)
  answer[1] = ANSWER + operation
  write16(answer, 2, result)
  write32(answer, 4, Math.floor(now / 1000))
  return answer
}
