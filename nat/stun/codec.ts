// Binding messages to bytes and back. Of the `stun` package its encoder and decoder are used and
// nothing else: its sockets and command line double the time to load it (45 ms against 23) and pull
// in packages with advisories. Before it sees a stranger's bytes they are checked by hand; by hand
// are also ERROR-CODE (the package reads 420 as 480) and the attribute of RFC 3489, which it does
// not know. A decode costs 3 to 6 us, an encode 8.

import createMessage from 'stun/src/node_modules/lib/create-message.js'
import decode from 'stun/src/node_modules/message/decode.js'
import encode from 'stun/src/node_modules/message/encode.js'
import { isIP } from 'node:net'
import type { Address } from '../../lib/address.ts'
import {
  isStun,
  MAX_STUN_BYTES,
  STUN_HEADER_BYTES,
  type StunKind,
  type StunMessage,
} from './message.ts'

const TYPE_OF: Readonly<Record<StunKind, number>> = {
  request: 0x0001,
  indication: 0x0011,
  success: 0x0101,
  error: 0x0111,
}

const ATTRIBUTE = {
  mapped: 0x0001,
  changeRequest: 0x0003,
  /** RFC 3489; OTHER-ADDRESS took its place. */
  changed: 0x0005,
  errorCode: 0x0009,
  unknown: 0x000a,
  xorMapped: 0x0020,
  padding: 0x0026,
  origin: 0x802b,
  other: 0x802c,
} as const

const KNOWN: ReadonlySet<number> = new Set(Object.values(ATTRIBUTE))

/** No real message comes near; it bounds the work for a stranger's. */
const MAX_ATTRIBUTES = 32

/** Undefined for anything that is not a sound Binding message. Never throws. */
export function decodeStun(data: Buffer): StunMessage | undefined {
  if (!isStun(data) || data.length > MAX_STUN_BYTES) return undefined
  const type = data.readUInt16BE(0)
  const kind = kindOf(type)
  const attributes = readAttributes(data)
  if (kind === undefined || attributes === undefined) return undefined
  const values = new Map<number, unknown>()
  try {
    // Of two attributes of a type the first counts (RFC 8489 §14).
    for (const { type, value } of decode(data)) if (!values.has(type)) values.set(type, value)
  } catch {
    // The package throws for what it cannot read; to us it is noise from a stranger.
    return undefined
  }
  const padding = attributes.get(ATTRIBUTE.padding)?.length
  const mapped = addressOf(values.get(ATTRIBUTE.xorMapped) ?? values.get(ATTRIBUTE.mapped))
  const changed = attributes.get(ATTRIBUTE.changed)
  const other = addressOf(values.get(ATTRIBUTE.other)) ?? (changed && oldAddress(changed))
  const origin = addressOf(values.get(ATTRIBUTE.origin))
  const change = values.get(ATTRIBUTE.changeRequest)
  const errorCode = errorCodeOf(attributes.get(ATTRIBUTE.errorCode))
  const unknown = values.get(ATTRIBUTE.unknown)
  const required = [...attributes.keys()].filter(type => type < 0x8000 && !KNOWN.has(type))
  return {
    kind,
    transactionId: Uint8Array.prototype.slice.call(data, 8, STUN_HEADER_BYTES),
    ...(mapped && { mapped }),
    ...(other && { other }),
    ...(origin && { origin }),
    ...(typeof change === 'number' && {
      change: { ip: (change & 4) !== 0, port: (change & 2) !== 0 },
    }),
    ...(errorCode !== undefined && { errorCode }),
    ...(isNumbers(unknown) && { unknown }),
    ...(required.length > 0 && { required }),
    ...(padding !== undefined && { padding }),
  }
}

/**
 * Addresses must be IP literals, and a transaction id has 12 bytes; else RangeError. `required` is
 * for reading.
 */
export function encodeStun(message: StunMessage): Buffer {
  const { kind, transactionId, mapped, other, origin, change } = message
  const { errorCode, unknown, padding } = message
  if (transactionId.length !== 12) throw new RangeError('a transaction id has 12 bytes')
  const draft = createMessage.createMessage(TYPE_OF[kind], Buffer.from(transactionId))
  const addAddress = (type: number, { ip, port }: Address): void => {
    if (isIP(ip) === 0) throw new RangeError(`${ip} is no IP address`)
    draft.addAttribute(type, ip, port)
  }
  if (errorCode !== undefined) draft.addAttribute(ATTRIBUTE.errorCode, errorCode, '')
  if (unknown) draft.addAttribute(ATTRIBUTE.unknown, unknown)
  if (change) {
    draft.addAttribute(ATTRIBUTE.changeRequest, (change.ip ? 4 : 0) | (change.port ? 2 : 0))
  }
  if (mapped) addAddress(ATTRIBUTE.xorMapped, mapped)
  if (origin) addAddress(ATTRIBUTE.origin, origin)
  if (other) addAddress(ATTRIBUTE.other, other)
  if (padding !== undefined) draft.addAttribute(ATTRIBUTE.padding, Buffer.alloc(padding))
  return encode(draft)
}

function kindOf(type: number): StunKind | undefined {
  for (const kind of ['request', 'indication', 'success', 'error'] as const) {
    if (TYPE_OF[kind] === type) return kind
  }
  return undefined
}

/**
 * The bytes of each attribute. Undefined where the lengths do not fit together: the package takes
 * them as they are.
 */
function readAttributes(data: Buffer): Map<number, Buffer> | undefined {
  if (data.readUInt16BE(2) !== data.length - STUN_HEADER_BYTES) return undefined
  const attributes = new Map<number, Buffer>()
  let count = 0
  let at = STUN_HEADER_BYTES
  while (at < data.length) {
    if (++count > MAX_ATTRIBUTES || at + 4 > data.length) return undefined
    const type = data.readUInt16BE(at)
    const length = data.readUInt16BE(at + 2)
    const end = at + 4 + length
    const next = end + (-length & 3)
    if (next > data.length) return undefined
    if (!attributes.has(type)) attributes.set(type, data.subarray(at + 4, end))
    at = next
  }
  return attributes
}

/** What the package makes of an address attribute. Port 0 is nobody's. */
function addressOf(value: unknown): Address | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (!('address' in value) || !('port' in value)) return undefined
  const { address: ip, port } = value
  if (typeof ip !== 'string' || isIP(ip) === 0) return undefined
  return typeof port === 'number' && port > 0 ? { ip, port } : undefined
}

/** CHANGED-ADDRESS is of a time without IPv6. */
function oldAddress(value: Buffer): Address | undefined {
  if (value.length !== 8 || value.readUInt8(1) !== 1) return undefined
  const port = value.readUInt16BE(2)
  return port === 0 ? undefined : { ip: value.subarray(4).join('.'), port }
}

function errorCodeOf(value: Buffer | undefined): number | undefined {
  if (value === undefined || value.length < 4) return undefined
  const code = (value.readUInt8(2) & 7) * 100 + value.readUInt8(3)
  return code >= 300 && code < 700 ? code : undefined
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(item => typeof item === 'number')
}
