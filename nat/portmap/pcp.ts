// PCP's messages (RFC 6887): ANNOUNCE as the question whether a gateway is there, MAP for UDP. IPv4
// inside and outside: an IPv6 firewall is opened by punching.

import type { GatewayAnswer, GatewayCodec, MapRequest } from './gateway-codec.ts'

const VERSION = 2
const ANNOUNCE = 0
const MAP = 1
/** Set in the operation of an answer. */
const ANSWER = 0x80
const UNSUPPORTED_VERSION = 1
const UDP = 17
const HEADER_BYTES = 24
const MAP_BYTES = 60
/** RFC 6887 §7: no message is longer. */
const MAX_BYTES = 1100

/** Of the mapping's client: who does not know it cannot change the mapping (RFC 6887 §11.1). */
export const PCP_NONCE_BYTES = 12

/** `::ffff:0.0.0.0`, before an IPv4 address. */
const MAPPED_PREFIX: Buffer = Buffer.from('00000000000000000000ffff', 'hex')

const REASONS: Readonly<Record<number, string>> = {
  2: 'port mapping is switched off in the router (PCP: not authorized)',
  3: 'the router does not understand the request (PCP: malformed request)',
  4: 'the router does not map ports (PCP: unsupported opcode)',
  7: 'the router itself has no public address (PCP: network failure)',
  8: "the router's table is full (PCP: no resources)",
  9: 'the router maps no UDP (PCP: unsupported protocol)',
  10: 'this machine has as many mappings as the router allows (PCP: quota exceeded)',
  11: 'the router cannot give this port (PCP: cannot provide external)',
  12: 'there is another NAT between this machine and the router (PCP: address mismatch)',
}

export class PcpCodec implements GatewayCodec {
  readonly protocol = 'pcp'
  readonly #localIp: Buffer
  readonly #nonce: Buffer

  /** `localIp`: the IPv4 address that the gateway sees as our source. `nonce`: 12 random bytes. */
  constructor(localIp: string, nonce: Buffer) {
    this.#localIp = Buffer.concat([MAPPED_PREFIX, Buffer.from(localIp.split('.').map(Number))])
    this.#nonce = nonce
  }

  probe(): Buffer {
    return this.#header(ANNOUNCE, 0, HEADER_BYTES)
  }

  map({ internalPort, externalPort, leaseSeconds }: MapRequest): Buffer {
    const data = this.#header(MAP, leaseSeconds, MAP_BYTES)
    this.#nonce.copy(data, 24)
    data.writeUInt8(UDP, 36)
    data.writeUInt16BE(internalPort, 40)
    data.writeUInt16BE(leaseSeconds === 0 ? 0 : externalPort, 42)
    // No particular address, but of IPv4 (RFC 6887 §5).
    MAPPED_PREFIX.copy(data, 44)
    return data
  }

  decode(data: Buffer): GatewayAnswer | undefined {
    if (data.length < 8 || data.length > MAX_BYTES || data.readUInt8(1) < ANSWER) return undefined
    const operation = data.readUInt8(1) & ~ANSWER
    const result = data.readUInt8(3)
    const version = data.readUInt8(0)
    if (version !== VERSION) {
      // NAT-PMP's own answers are version 0, too; this one is about our version 2.
      const refusesUs = result === UNSUPPORTED_VERSION
      return refusesUs ? refused('probe', 'the router speaks no PCP') : undefined
    }
    // Said of NAT-PMP's version 0.
    if (result === UNSUPPORTED_VERSION) return undefined
    if (operation !== ANNOUNCE && operation !== MAP) return undefined
    if (data.length < (operation === ANNOUNCE ? HEADER_BYTES : MAP_BYTES)) return undefined
    if (operation === MAP && !data.subarray(24, 36).equals(this.#nonce)) return undefined
    if (result !== 0) {
      const to = operation === ANNOUNCE ? 'probe' : 'map'
      return refused(to, REASONS[result] ?? `PCP result ${result}`)
    }
    const epochSeconds = data.readUInt32BE(8)
    if (operation === ANNOUNCE) return { type: 'alive', epochSeconds, externalIp: undefined }
    if (data.readUInt8(36) !== UDP) return undefined
    if (!data.subarray(44, 56).equals(MAPPED_PREFIX)) return undefined
    return {
      type: 'mapped',
      epochSeconds,
      internalPort: data.readUInt16BE(40),
      externalPort: data.readUInt16BE(42),
      externalIp: data.subarray(56, 60).join('.'),
      leaseSeconds: data.readUInt32BE(4),
    }
  }

  #header(operation: number, leaseSeconds: number, bytes: number): Buffer {
    const data = Buffer.alloc(bytes)
    data.writeUInt8(VERSION, 0)
    data.writeUInt8(operation, 1)
    data.writeUInt32BE(leaseSeconds, 4)
    this.#localIp.copy(data, 8)
    return data
  }
}

function refused(to: 'probe' | 'map', reason: string): GatewayAnswer {
  return { type: 'refused', to, reason }
}
