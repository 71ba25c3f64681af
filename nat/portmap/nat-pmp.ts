// NAT-PMP's messages (RFC 6886 §3): 2 and 12 bytes of question, 12 and 16 of answer.

import type { GatewayAnswer, GatewayCodec, MapRequest } from './gateway-codec.ts'

const VERSION = 0
const EXTERNAL_ADDRESS = 0
const MAP_UDP = 1
/** Set in the operation of an answer. */
const ANSWER = 128
const UNSUPPORTED_VERSION = 1

const REASONS: Readonly<Record<number, string>> = {
  2: 'port mapping is switched off in the router (NAT-PMP: not authorized)',
  3: 'the router itself has no public address (NAT-PMP: network failure)',
  4: "the router's table is full (NAT-PMP: out of resources)",
  5: 'the router maps no UDP (NAT-PMP: unsupported operation)',
}

export class NatPmpCodec implements GatewayCodec {
  readonly protocol = 'nat-pmp'

  probe(): Buffer {
    return Buffer.from([VERSION, EXTERNAL_ADDRESS])
  }

  map({ internalPort, externalPort, leaseSeconds }: MapRequest): Buffer {
    const data = Buffer.alloc(12)
    data.writeUInt8(VERSION, 0)
    data.writeUInt8(MAP_UDP, 1)
    data.writeUInt16BE(internalPort, 4)
    data.writeUInt16BE(leaseSeconds === 0 ? 0 : externalPort, 6)
    data.writeUInt32BE(leaseSeconds, 8)
    return data
  }

  decode(data: Buffer): GatewayAnswer | undefined {
    if (data.length < 8) return undefined
    const version = data.readUInt8(0)
    if (version !== VERSION) {
      // A gateway of PCP alone answers our version 0 in its own (RFC 6887 appendix A).
      const refusesUs = data.readUInt8(1) >= ANSWER && data.readUInt8(3) === UNSUPPORTED_VERSION
      return refusesUs ? refused('probe', 'the router speaks no NAT-PMP') : undefined
    }
    const operation = data.readUInt8(1) - ANSWER
    const result = data.readUInt16BE(2)
    // An unsupported version is what PCP's question got: nobody refuses version 0 in version 0.
    if (result === UNSUPPORTED_VERSION) return undefined
    if (operation !== EXTERNAL_ADDRESS && operation !== MAP_UDP) return undefined
    if (result !== 0) {
      const to = operation === EXTERNAL_ADDRESS ? 'probe' : 'map'
      return refused(to, REASONS[result] ?? `NAT-PMP result ${result}`)
    }
    const epochSeconds = data.readUInt32BE(4)
    if (operation === EXTERNAL_ADDRESS) {
      if (data.length < 12) return undefined
      return { type: 'alive', epochSeconds, externalIp: data.subarray(8, 12).join('.') }
    }
    if (data.length < 16) return undefined
    return {
      type: 'mapped',
      epochSeconds,
      internalPort: data.readUInt16BE(8),
      externalPort: data.readUInt16BE(10),
      externalIp: undefined,
      leaseSeconds: data.readUInt32BE(12),
    }
  }
}

function refused(to: 'probe' | 'map', reason: string): GatewayAnswer {
  return { type: 'refused', to, reason }
}
