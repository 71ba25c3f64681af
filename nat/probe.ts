// The probes of two peers: STUN Bindings (RFC 8489) that only they can make. Fixed layout, so that
// a forged one costs a comparison of 8 bytes, or one HMAC where the tag was copied from a real one.
// An answer is as long as its question: nothing is amplified. Departures from the RFC: the
// transaction id begins with a counter, against replays; the USERNAME is a tag of the session. No
// FINGERPRINT: the cookie and the tag tell probes from QUIC. Sans-IO.

import { createHmac, timingSafeEqual } from 'node:crypto'
import { canonicalIp, formatIp, ipBytes } from './ip.ts'
import { ReplayWindow } from './replay-window.ts'
import type { Address } from '../lib/address.ts'

/** Who dials the peer connection, and who owns the proxy. */
export type PeerRole = 'visitor' | 'owner'

/** 32 bytes each; one side's `send` is the other's `receive`. */
export interface ProbeKeys {
  readonly send: Uint8Array
  readonly receive: Uint8Array
}

export interface Probe {
  readonly type: 'request' | 'response'
  /** The transaction, 24 hexadecimal digits; a response has that of its request. */
  readonly id: string
  /** Of the punching, modulo 256. */
  readonly round: number
  /** The sender has had an answer on this path. */
  readonly isValidated: boolean
  /** Of a request: where it was sent to. Of a response: where the request came from. */
  readonly address: Address
}

export interface RequestOptions {
  readonly to: Address
  /** Default 0. */
  readonly round?: number
  /** Default false. */
  readonly isValidated?: boolean
}

/** UDP payload over IPv4 and over IPv6, of requests and responses. */
export const PROBE_BYTES = { 4: 72, 6: 84 } as const

const REQUEST = 0x0001
const RESPONSE = 0x0101
const MAGIC_COOKIE = 0x2112a442
const HEADER_BYTES = 20
const USERNAME = 0x0006
const INTEGRITY = 0x001c
const XOR_PEER_ADDRESS = 0x0012
const XOR_MAPPED_ADDRESS = 0x0020
/** Not assigned by IANA, comprehension-optional: flags and round. */
const PROBE = 0xc1f7
const TAG_BYTES = 8
const TAG_AT = HEADER_BYTES + 4
const PROBE_AT = TAG_AT + TAG_BYTES
const ADDRESS_AT = PROBE_AT + 8
/** The HMAC truncated to the least that RFC 8489 §14.6 allows. */
const INTEGRITY_BYTES = 16
const COUNTER_BYTES = 6
const VALIDATED = 1
const FROM_OWNER = 2

/**
 * Whose a datagram may be: the tag of a session, 16 hexadecimal digits; undefined when it is no
 * probe at all. Nothing is verified.
 */
export function probeTag(data: Uint8Array): string | undefined {
  if (data.length !== PROBE_BYTES[4] && data.length !== PROBE_BYTES[6]) return undefined
  const view = viewOf(data)
  const type = view.getUint16(0)
  if (type !== REQUEST && type !== RESPONSE) return undefined
  if (view.getUint16(2) !== data.length - HEADER_BYTES) return undefined
  if (view.getUint32(4) !== MAGIC_COOKIE || view.getUint16(HEADER_BYTES) !== USERNAME) {
    return undefined
  }
  return hex(data, TAG_AT, TAG_BYTES)
}

/** Makes and checks the probes of one peer session, for as long as the session lives. */
export class ProbeSession {
  /** What the peer's probes have: the session's name for `probeTag`. */
  readonly tag: string
  readonly #keys: ProbeKeys
  readonly #role: PeerRole
  readonly #random: () => number
  readonly #sendTag: Uint8Array
  readonly #seen = new ReplayWindow()
  #sent = 0

  /** `random`: 0 <= x < 1. It only keeps ids of different sessions apart; no secret hangs on it. */
  constructor(options: {
    readonly role: PeerRole
    readonly keys: ProbeKeys
    readonly random: () => number
  }) {
    this.#role = options.role
    this.#keys = options.keys
    this.#random = options.random
    this.#sendTag = tagOf(options.keys.send)
    this.tag = hex(tagOf(options.keys.receive), 0, TAG_BYTES)
  }

  /** RangeError where `to` has no IP address. */
  request({ to, round = 0, isValidated = false }: RequestOptions): {
    readonly id: string
    readonly data: Uint8Array
  } {
    const transaction = Buffer.alloc(12)
    transaction.writeUIntBE(++this.#sent, 0, COUNTER_BYTES)
    for (let at = COUNTER_BYTES; at < 12; at++) transaction[at] = this.#random() * 256
    const flags = isValidated ? VALIDATED : 0
    const data = this.#encode({ type: REQUEST, transaction, flags, round, address: to })
    return { id: transaction.toString('hex'), data }
  }

  /** The answer to a request that came from there; as long as the request. */
  response({ id, round, isValidated }: Probe, from: Address): Uint8Array {
    const transaction = Buffer.from(id, 'hex')
    const flags = isValidated ? VALIDATED : 0
    return this.#encode({ type: RESPONSE, transaction, flags, round, address: from })
  }

  /** Undefined: not from the peer, no probe, or a request that was seen before. */
  receive(data: Uint8Array): Probe | undefined {
    if (probeTag(data) !== this.tag) return undefined
    const signed = data.length - INTEGRITY_BYTES
    if (!timingSafeEqual(mac(this.#keys.receive, data, signed), data.subarray(signed))) {
      return undefined
    }
    return this.#decode(data)
  }

  #decode(data: Uint8Array): Probe | undefined {
    const view = viewOf(data)
    const flags = data[PROBE_AT + 4] ?? 0
    const peer: PeerRole = flags & FROM_OWNER ? 'owner' : 'visitor'
    if (peer === this.#role) return undefined
    const type = view.getUint16(0) === REQUEST ? 'request' : 'response'
    const counter = view.getUint16(8) * 0x1_0000_0000 + view.getUint32(10)
    if (type === 'request' && !this.#seen.take(counter)) return undefined
    return {
      type,
      id: hex(data, 8, 12),
      round: data[PROBE_AT + 5] ?? 0,
      isValidated: (flags & VALIDATED) !== 0,
      address: decodeAddress(data),
    }
  }

  #encode(message: {
    readonly type: typeof REQUEST | typeof RESPONSE
    readonly transaction: Uint8Array
    readonly flags: number
    readonly round: number
    readonly address: Address
  }): Uint8Array {
    const { type, transaction, address } = message
    const ip = ipBytes(address.ip)
    if (!ip) throw new RangeError(`"${address.ip}" is no IP address`)
    const data = new Uint8Array(ip.length === 4 ? PROBE_BYTES[4] : PROBE_BYTES[6])
    const view = viewOf(data)
    view.setUint16(0, type)
    view.setUint16(2, data.length - HEADER_BYTES)
    view.setUint32(4, MAGIC_COOKIE)
    data.set(transaction, 8)
    setAttribute(view, HEADER_BYTES, USERNAME, TAG_BYTES)
    data.set(this.#sendTag, TAG_AT)
    setAttribute(view, PROBE_AT, PROBE, 4)
    data[PROBE_AT + 4] = message.flags | (this.#role === 'owner' ? FROM_OWNER : 0)
    data[PROBE_AT + 5] = message.round
    setAttribute(
      view,
      ADDRESS_AT,
      type === REQUEST ? XOR_PEER_ADDRESS : XOR_MAPPED_ADDRESS,
      4 + ip.length,
    )
    data[ADDRESS_AT + 5] = ip.length === 4 ? 1 : 2
    view.setUint16(ADDRESS_AT + 6, address.port ^ (MAGIC_COOKIE >>> 16))
    // RFC 8489 §14.2: with the cookie and the transaction id, which follow each other.
    for (const [at, byte] of ip.entries()) data[ADDRESS_AT + 8 + at] = byte ^ (data[4 + at] ?? 0)
    const signed = data.length - INTEGRITY_BYTES
    setAttribute(view, signed - 4, INTEGRITY, INTEGRITY_BYTES)
    data.set(mac(this.#keys.send, data, signed), signed)
    return data
  }
}

function decodeAddress(data: Uint8Array): Address {
  const ip = data.slice(ADDRESS_AT + 8, data.length - INTEGRITY_BYTES - 4)
  for (const [at, byte] of ip.entries()) ip[at] = byte ^ (data[4 + at] ?? 0)
  const port = viewOf(data).getUint16(ADDRESS_AT + 6) ^ (MAGIC_COOKIE >>> 16)
  return { ip: canonicalIp(formatIp(ip)), port }
}

function mac(key: Uint8Array, data: Uint8Array, length: number): Uint8Array {
  const hash = createHmac('sha256', key).update(data.subarray(0, length)).digest()
  return hash.subarray(0, INTEGRITY_BYTES)
}

function tagOf(key: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update('quicfrp probe tag').digest().subarray(0, TAG_BYTES)
}

function setAttribute(view: DataView, at: number, type: number, length: number): void {
  view.setUint16(at, type)
  view.setUint16(at + 2, length)
}

function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength)
}

function hex(data: Uint8Array, at: number, length: number): string {
  return Buffer.from(data.buffer, data.byteOffset + at, length).toString('hex')
}
