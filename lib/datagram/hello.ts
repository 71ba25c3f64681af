// The first bytes of each side on the stream of a flow link between two of ours. Sans-IO.
//
//   opener:  version(1) way(1) link(3) redundancy(1) idle(4)
//   other:   version(1) redundancy(1) idle(4)

import { TunnelError } from '../errors.ts'
import type { Redundancy } from './flow.ts'
import { MAX_NUMBER } from './header.ts'

export const OPENING_BYTES = 10
export const ANSWER_BYTES = 6

const VERSION = 1
const AUTO = 4
const UNSTATED = 255

/** What both sides say; undefined leaves it to the other one. */
export interface Wishes {
  readonly redundancy: Redundancy | undefined
  /** How long the sender keeps a silent flow, milliseconds. */
  readonly idleMs: number | undefined
}

/** `frames`: packets travel on this stream; `datagrams`: as datagrams of its session. */
export interface Opening extends Wishes {
  readonly way: 'frames' | 'datagrams'
  readonly link: number
}

export function encodeOpening({ way, link, ...wishes }: Opening): Buffer {
  const bytes = Buffer.alloc(OPENING_BYTES)
  bytes[0] = VERSION
  bytes[1] = way === 'datagrams' ? 1 : 0
  bytes.writeUIntBE(link, 2, 3)
  writeWishes(bytes, 5, wishes)
  return bytes
}

/** `bytes` has OPENING_BYTES. Throws PROTOCOL_ERROR. */
export function decodeOpening(bytes: Buffer): Opening {
  checkVersion(bytes)
  const way = bytes[1]
  const link = bytes.readUIntBE(2, 3)
  if ((way !== 0 && way !== 1) || link >= MAX_NUMBER) throw broken('a way or a link number')
  return { way: way === 1 ? 'datagrams' : 'frames', link, ...readWishes(bytes, 5) }
}

export function encodeAnswer(wishes: Wishes): Buffer {
  const bytes = Buffer.alloc(ANSWER_BYTES)
  bytes[0] = VERSION
  writeWishes(bytes, 1, wishes)
  return bytes
}

/** `bytes` has ANSWER_BYTES. Throws PROTOCOL_ERROR. */
export function decodeAnswer(bytes: Buffer): Wishes {
  checkVersion(bytes)
  return readWishes(bytes, 1)
}

function writeWishes(bytes: Buffer, at: number, { redundancy, idleMs }: Wishes): void {
  bytes[at] = redundancy === undefined ? UNSTATED : redundancy === 'auto' ? AUTO : redundancy
  bytes.writeUInt32BE(Math.min(idleMs ?? 0, 0xffff_ffff), at + 1)
}

function readWishes(bytes: Buffer, at: number): Wishes {
  const idleMs = bytes.readUInt32BE(at + 1)
  return { redundancy: redundancyOf(bytes[at]), idleMs: idleMs === 0 ? undefined : idleMs }
}

function redundancyOf(byte: number | undefined): Redundancy | undefined {
  switch (byte) {
    case 0:
    case 1:
    case 2:
    case 3:
      return byte
    case AUTO:
      return 'auto'
    case UNSTATED:
      return undefined
    default:
      throw broken('a redundancy')
  }
}

function checkVersion(bytes: Buffer): void {
  if (bytes[0] !== VERSION) throw broken('a version')
}

function broken(what: string): TunnelError {
  return new TunnelError('PROTOCOL_ERROR', `${what} of a packet link is unknown`)
}
