// Hints between two peers beside QUIC: they must not wait for what was lost before them, and they
// go a way of their own choice. Each is a STUN indication (RFC 8489 §5) as far as who tells
// datagrams apart is concerned: head (20) | tag (8) | sealed JSON. Sans-IO.

import { createHmac } from 'node:crypto'
import type { Hint, RouteKind } from '../../nat/index.ts'
import { PacketOpener, PacketSealer } from '../e2e/index.ts'

const INDICATION = 0x0011
const COOKIE = 0x2112a442
const HEAD_BYTES = 20
const TAG_BYTES = 8
/** A note is small; longer ones are not looked at. */
const MAX_BYTES = 200

const KINDS: readonly RouteKind[] = ['relay', 'lan', 'v6', 'v4']

/** Both directions of one peer connection. */
export class Notes {
  readonly #sealer: PacketSealer
  readonly #opener: PacketOpener
  readonly #sendHead: Buffer
  readonly #receiveTag: Buffer

  constructor({ send, receive }: { readonly send: Buffer; readonly receive: Buffer }) {
    this.#sealer = new PacketSealer(send)
    this.#opener = new PacketOpener(receive)
    this.#sendHead = Buffer.alloc(HEAD_BYTES + TAG_BYTES)
    this.#sendHead.writeUInt16BE(INDICATION, 0)
    this.#sendHead.writeUInt32BE(COOKIE, 4)
    tagOf(send).copy(this.#sendHead, HEAD_BYTES)
    this.#receiveTag = tagOf(receive)
  }

  encode(hint: Hint): Buffer {
    const sealed = this.#sealer.seal(Buffer.from(JSON.stringify(hint)), this.#sendHead.subarray(20))
    const head = Buffer.from(this.#sendHead)
    head.writeUInt16BE(TAG_BYTES + sealed.length, 2)
    return Buffer.concat([head, sealed])
  }

  /** Undefined: not from the peer, seen before, or not understood. */
  decode(data: Buffer): Hint | undefined {
    if (data.length < HEAD_BYTES + TAG_BYTES || data.length > MAX_BYTES) return undefined
    if (data.readUInt16BE(0) !== INDICATION) return undefined
    const tag = data.subarray(HEAD_BYTES, HEAD_BYTES + TAG_BYTES)
    if (!tag.equals(this.#receiveTag)) return undefined
    const text = this.#opener.open(data.subarray(HEAD_BYTES + TAG_BYTES), tag)
    return text && hintOf(text.toString())
  }
}

function hintOf(text: string): Hint | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined
  const { type } = value
  if (type === 'rebound') return { type }
  const kind = 'kind' in value ? KINDS.find(known => known === value.kind) : undefined
  if (kind === undefined) return undefined
  return type === 'use' || type === 'using' || type === 'lost' ? { type, kind } : undefined
}

function tagOf(key: Buffer): Buffer {
  return createHmac('sha256', key).update('quicfrp note tag').digest().subarray(0, TAG_BYTES)
}
