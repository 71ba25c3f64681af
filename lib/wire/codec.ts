// One message to its v1 frame and one JSON body to its message. Decides the JSON rules (what is
// left out, what is refused); cutting the byte stream into frames is framer.ts. Format: frp-wire.md
// section 2.1 to 2.3. Sans-IO.

import { TunnelError } from '../errors.ts'
import type { Message, MessageType, OutgoingMessage, StringMap } from './messages.ts'
import { SCHEMA, type Fields, type Kind } from './schema.ts'

/** Largest JSON body, in bytes, as at real peers: they end the stream at a longer one. */
export const MAX_BODY_BYTES = 10_240

/** One type byte and a 64-bit big-endian length. */
export const HEADER_BYTES = 9

const TYPES = new Map<number, MessageType>()
for (const type of Object.keys(SCHEMA) as MessageType[]) TYPES.set(typeByte(type), type)

/** The message a type byte stands for, or undefined. */
export function typeOfByte(byte: number): MessageType | undefined {
  return TYPES.get(byte)
}

function typeByte(type: MessageType): number {
  return SCHEMA[type].byte.charCodeAt(0)
}

/**
 * The whole frame: header and JSON. Throws LIMIT_EXCEEDED when the JSON is longer than
 * MAX_BODY_BYTES, because the peer would end its stream at it.
 */
export function encodeMessage(message: OutgoingMessage): Buffer {
  // A message is a plain object; its interface only lacks the index signature.
  const values = message as unknown as Readonly<Record<string, unknown>>
  const json = escapeAsGo(JSON.stringify(outgoing(SCHEMA[message.type].fields, values, false)))
  const length = Buffer.byteLength(json)
  if (length > MAX_BODY_BYTES) {
    throw new TunnelError(
      'LIMIT_EXCEEDED',
      `${message.type} message is ${length} bytes long, the limit is ${MAX_BODY_BYTES}`,
    )
  }
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length)
  frame[0] = typeByte(message.type)
  frame.writeUInt32BE(0, 1)
  frame.writeUInt32BE(length, 5)
  frame.write(json, HEADER_BYTES)
  return frame
}

/**
 * Reads the JSON of a frame. Unknown fields are ignored, names match in any case, absent and null
 * mean zero. Throws PROTOCOL_ERROR with the names of message and field, never with a value: it
 * could be a secret.
 */
export function decodeBody(typeByte: number, body: Uint8Array): Message {
  const type = TYPES.get(typeByte)
  if (type === undefined) throw new TunnelError('PROTOCOL_ERROR', unknownType(typeByte))
  if (body.length > MAX_BODY_BYTES) throw new TunnelError('PROTOCOL_ERROR', tooLong(body.length))
  let raw: unknown
  try {
    raw = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8'))
  } catch {
    // The parser's own text quotes the input, which may hold a key.
    throw new TunnelError('PROTOCOL_ERROR', `${type} message is not JSON`)
  }
  const values = incoming(SCHEMA[type].fields, raw, type)
  // The table is checked against the interfaces by its type, so what it yields is the message.
  return { type, ...values } as unknown as Message
}

/** The text for a type byte that is no message. */
export function unknownType(byte: number): string {
  return `message type 0x${byte.toString(16).padStart(2, '0')} is unknown`
}

/** The text for a length field that is out of bounds. */
export function tooLong(length: number | bigint): string {
  return `message length ${length} is out of bounds (0..${MAX_BODY_BYTES})`
}

// Go escapes these inside strings, and JSON has none of them outside. Equal bytes make captures
// comparable.
function escapeAsGo(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, char => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

type Values = Readonly<Record<string, unknown>>

function outgoing(fields: Fields, values: Values, withZeros: boolean): Values {
  const result: Record<string, unknown> = {}
  for (const [name, kind] of Object.entries(fields)) {
    const value = outgoingValue(kind, values[name])
    if (withZeros) result[name] = value ?? zero(kind)
    else if (!isZero(value)) result[name] = value
  }
  return result
}

function outgoingValue(kind: Kind, value: unknown): unknown {
  if (typeof kind === 'object') {
    // The casts below repeat what the type of the schema table guarantees for this kind.
    if ('object' in kind) return outgoing(kind.object, (value ?? {}) as Values, false)
    if (value === undefined) return undefined
    if ('optional' in kind) return outgoing(kind.optional, value as Values, false)
    if ('full' in kind) return outgoing(kind.full, value as Values, true)
    return (value as readonly Values[]).map(item => outgoing(kind.list, item, false))
  }
  if (value === undefined) return undefined
  if (kind === 'bytes') return (value as Buffer).toString('base64')
  if (kind === 'map') return sorted(value as StringMap)
  return value
}

// Go writes maps in the order of their keys.
function sorted(map: StringMap): StringMap | undefined {
  const keys = Object.keys(map).sort()
  if (keys.length === 0) return undefined
  return Object.fromEntries(keys.map(key => [key, map[key] ?? '']))
}

// Objects are never zero here: outgoingValue has already left out what is to be left out.
function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  return value === undefined || value === '' || value === 0 || value === false
}

function zero(kind: Kind): unknown {
  if (kind === 'string') return ''
  if (kind === 'boolean') return false
  if (kind === 'int' || kind === 'u16') return 0
  if (kind === 'bytes') return Buffer.alloc(0)
  if (kind === 'strings') return []
  if (kind === 'map') return {}
  if ('list' in kind) return []
  if ('object' in kind) return zeros(kind.object)
  return undefined
}

function zeros(fields: Fields): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [name, kind] of Object.entries(fields)) {
    const value = zero(kind)
    if (value !== undefined) result[name] = value
  }
  return result
}

// Lower-case name to the name in the table, once for each table.
const NAMES = new WeakMap<Fields, ReadonlyMap<string, string>>()

function namesOf(fields: Fields): ReadonlyMap<string, string> {
  let names = NAMES.get(fields)
  if (!names) {
    names = new Map(Object.keys(fields).map(name => [name.toLowerCase(), name]))
    NAMES.set(fields, names)
  }
  return names
}

function incoming(fields: Fields, raw: unknown, path: string): Values {
  if (!isObject(raw)) throw wrong(path, 'an object', raw)
  const result = zeros(fields)
  const names = namesOf(fields)
  for (const [key, value] of Object.entries(raw)) {
    const name = names.get(key.toLowerCase())
    const kind = name === undefined ? undefined : fields[name]
    if (name === undefined || kind === undefined || value === null) continue
    result[name] = incomingValue(kind, value, `${path}.${name}`)
  }
  return result
}

function incomingValue(kind: Kind, value: unknown, path: string): unknown {
  if (typeof kind === 'object') {
    if ('object' in kind) return incoming(kind.object, value, path)
    if ('optional' in kind) return incoming(kind.optional, value, path)
    if ('full' in kind) return incoming(kind.full, value, path)
    return listOf(value, path).map((item, index) => incoming(kind.list, item, `${path}[${index}]`))
  }
  switch (kind) {
    case 'string':
      return stringOf(value, path)
    case 'boolean':
      if (typeof value !== 'boolean') throw wrong(path, 'a boolean', value)
      return value
    case 'int':
      return integerOf(value, path, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    case 'u16':
      return integerOf(value, path, 0, 65_535)
    case 'bytes':
      return bytesOf(value, path)
    case 'strings':
      return listOf(value, path).map((item, index) => stringOf(item, `${path}[${index}]`))
    case 'map':
      return mapOf(value, path)
    default:
      return kind satisfies never
  }
}

function stringOf(value: unknown, path: string): string {
  if (typeof value !== 'string') throw wrong(path, 'a string', value)
  return value
}

function integerOf(value: unknown, path: string, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw wrong(path, 'an integer', value)
  if (value < least || value > most) {
    throw new TunnelError('PROTOCOL_ERROR', `${path} is out of bounds (${least}..${most})`)
  }
  // JSON knows -0; nobody else should meet it.
  return value === 0 ? 0 : value
}

function listOf(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(path, 'a list', value)
  return value
}

// Buffer.from skips what is not base64; Go refuses it, and so do we.
function bytesOf(value: unknown, path: string): Buffer {
  const text = stringOf(value, path)
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw new TunnelError('PROTOCOL_ERROR', `${path} is not base64`)
  }
  return Buffer.from(text, 'base64')
}

function mapOf(value: unknown, path: string): StringMap {
  if (!isObject(value)) throw wrong(path, 'an object of strings', value)
  // The key is the peer's own text, so it stays out of the message. fromEntries makes `__proto__` a
  // plain key.
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      return [key, item === null ? '' : stringOf(item, `${path}[]`)]
    }),
  )
}

function wrong(path: string, wanted: string, value: unknown): TunnelError {
  const got = Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value
  return new TunnelError('PROTOCOL_ERROR', `${path} must be ${wanted}, not of type ${got}`)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
