// The text of --emulate: `delay=40ms,loss=2%,rate=50m`, a preset (`4g`), or a preset and what is
// different (`4g,loss=1%,up.rate=5m`). Pure. Throws an Error whose message is for the user.

import type { LinkOptions } from './lab/index.ts'
import type { LinkPair } from './links.ts'
import { PRESETS } from './presets.ts'

export interface ParsedLink {
  /** The preset, undefined where the text has none. */
  readonly name: string | undefined
  readonly link: LinkPair
}

/** A queue of this much time at the link's rate, where the text gives a rate and no queue. */
const QUEUE_SECONDS = 0.05
const SMALLEST_QUEUE_BYTES = 30_000

const LONGEST_DELAY_MS = 10_000

interface Draft {
  up: LinkOptions
  down: LinkOptions
  userRoundTripMs: number | undefined
}

type Change = (value: string, key: string) => LinkOptions

/** One direction each; without `up.` or `down.` before it a key is about both. */
const KEYS: Readonly<Record<string, Change>> = {
  delay: (value, key) => ({ delayMs: milliseconds(value, key) }),
  rtt: (value, key) => ({ delayMs: milliseconds(value, key) / 2 }),
  jitter: (value, key) => ({ jitterMs: milliseconds(value, key) }),
  loss: (value, key) => ({ loss: share(value, key) }),
  burst: (value, key) => ({ burst: burstOf(value, key) }),
  reorder: (value, key) => ({ reorder: reorderOf(value, key) }),
  duplicate: (value, key) => ({ duplicate: share(value, key) }),
  rate: (value, key) => ({ rateBitsPerSecond: bitsPerSecond(value, key) }),
  queue: (value, key) => ({ queueBytes: bytes(value, key) }),
  mtu: (value, key) => ({ mtu: mtuOf(value, key) }),
}

const USER_KEY = 'user-rtt'
const KEY_NAMES = [...Object.keys(KEYS), USER_KEY].join(', ')

export function parseLink(text: string): ParsedLink {
  const words = text.split(',').map(word => word.trim())
  const [first = ''] = words
  const isPreset = !first.includes('=')
  const draft: Draft = { up: {}, down: {}, userRoundTripMs: undefined }
  const name = isPreset ? first.toLowerCase() : undefined
  if (name !== undefined) {
    const preset = PRESETS.find(other => other.name === name)
    if (preset === undefined) throw unknownPreset(first)
    for (const word of preset.link.split(',')) applyWord(draft, word)
  }
  for (const word of words.slice(isPreset ? 1 : 0)) applyWord(draft, word)
  return { name, link: finish(draft) }
}

/** In words, for tables and pages: `frpc's line down 50 Mbit/s, 20 ms; up ...; user's leg ...`. */
export function describeLink({ up, down, userRoundTripMs }: LinkPair): string {
  const both = describeDirection(up)
  const isSame = both === describeDirection(down)
  const directions = isSame
    ? `frpc's line each way ${both}`
    : `frpc's line down ${describeDirection(down)}; up ${both}`
  return `${directions}; user's leg ${number(userRoundTripMs)} ms there and back`
}

export function roundTripMs({ up, down }: LinkPair): number {
  return (up.delayMs ?? 0) + (down.delayMs ?? 0)
}

function applyWord(draft: Draft, word: string): void {
  const [, direction, key = '', value] = /^(?:(up|down)\.)?([^=]*)(?:=(.*))?$/.exec(word) ?? []
  if (value === undefined) {
    throw new Error(`--emulate: "${word}" has no value; write it as key=value: ${KEY_NAMES}`)
  }
  if (key === USER_KEY && direction === undefined) {
    draft.userRoundTripMs = milliseconds(value, key)
    return
  }
  const change = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined
  if (change === undefined) {
    throw new Error(`--emulate: unknown key "${word.split('=')[0]}"; there are ${KEY_NAMES}`)
  }
  const options = change(value, key)
  if (direction !== 'down') draft.up = { ...draft.up, ...options }
  if (direction !== 'up') draft.down = { ...draft.down, ...options }
}

function finish({ up, down, userRoundTripMs }: Draft): LinkPair {
  const pair = { up: withQueue(up), down: withQueue(down) }
  return {
    ...pair,
    userRoundTripMs: userRoundTripMs ?? (up.delayMs ?? 0) + (down.delayMs ?? 0),
  }
}

function withQueue(options: LinkOptions): LinkOptions {
  const { rateBitsPerSecond, queueBytes } = options
  if (rateBitsPerSecond === undefined || queueBytes !== undefined) return options
  const wanted = Math.round((rateBitsPerSecond / 8) * QUEUE_SECONDS)
  return { ...options, queueBytes: Math.max(wanted, SMALLEST_QUEUE_BYTES) }
}

function unknownPreset(name: string): Error {
  const names = PRESETS.map(preset => preset.name).join(', ')
  return new Error(`--emulate: no link is named "${name}"; there are ${names}, or delay=40ms,…`)
}

function milliseconds(value: string, key: string): number {
  const match = /^(\d+(?:\.\d+)?)(us|ms|s)$/.exec(value)
  const factor = { us: 0.001, ms: 1, s: 1000 }[match?.[2] ?? '']
  const result = Number(match?.[1]) * (factor ?? NaN)
  if (result <= LONGEST_DELAY_MS) return result
  throw wrong(key, value, `a time up to ${LONGEST_DELAY_MS / 1000} s, such as 40ms`)
}

/** `2%` as 0.02. */
function share(value: string, key: string): number {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(value)
  const result = Number(match?.[1] ?? NaN) / 100
  if (result <= 1) return result
  throw wrong(key, value, 'a share in per cent, such as 2%')
}

/**
 * `1%/5`: one packet in a hundred is lost, five in a row on average. In Gilbert's model all are
 * lost in the bad state, which lasts 1/leave packets and holds enter/(enter+leave) of the time.
 */
function burstOf(value: string, key: string): NonNullable<LinkOptions['burst']> {
  const [loss = '', length = ''] = value.split('/')
  const inRow = Number(length)
  const part = share(loss, key)
  if (!(inRow >= 1 && inRow <= 1000) || part > 0.5) {
    throw wrong(key, value, 'a share up to 50% and a mean length from 1 on, such as 1%/5')
  }
  const leave = 1 / inRow
  return { enter: (leave * part) / (1 - part), leave, loss: 1 }
}

/** `1%/10ms`: one packet in a hundred comes 10 ms later than it would. */
function reorderOf(value: string, key: string): NonNullable<LinkOptions['reorder']> {
  const [part = '', delay] = value.split('/')
  if (delay === undefined) throw wrong(key, value, 'a share and a time, such as 1%/10ms')
  return { probability: share(part, key), delayMs: milliseconds(delay, key) }
}

function bitsPerSecond(value: string, key: string): number {
  const match = /^(\d+(?:\.\d+)?)([kmg])(?:bit)?$/i.exec(value)
  const factor = { k: 1e3, m: 1e6, g: 1e9 }[match?.[2]?.toLowerCase() ?? '']
  const result = Number(match?.[1]) * (factor ?? NaN)
  if (result >= 8_000 && result <= 100e9) return result
  throw wrong(key, value, 'bits per second from 8k to 100g, such as 50m')
}

function bytes(value: string, key: string): number {
  const match = /^(\d+(?:\.\d+)?)([km]?)b?$/i.exec(value)
  const factor = { k: 1e3, m: 1e6 }[match?.[2]?.toLowerCase() ?? ''] ?? 1
  const result = Math.round(Number(match?.[1]) * factor)
  if (result >= 1500 && result <= 1e9) return result
  throw wrong(key, value, 'bytes from 1500 on, such as 250k')
}

function mtuOf(value: string, key: string): number {
  const result = Number(value)
  if (Number.isInteger(result) && result >= 576 && result <= 65_535) return result
  throw wrong(key, value, 'bytes from 576 (1280 for IPv6) to 65535, such as 1400')
}

function wrong(key: string, value: string, wanted: string): Error {
  return new Error(`--emulate: ${key}=${value}: this takes ${wanted}`)
}

function describeDirection(options: LinkOptions): string {
  const { rateBitsPerSecond, queueBytes, delayMs, jitterMs, loss, burst, reorder } = options
  const words: string[] = []
  if (rateBitsPerSecond !== undefined) words.push(`${number(rateBitsPerSecond / 1e6)} Mbit/s`)
  words.push(`${number(delayMs ?? 0)} ms` + (jitterMs ? ` +- ${number(jitterMs)} ms` : ''))
  if (loss) words.push(`${number(loss * 100)} % loss`)
  if (burst) {
    const part = (100 * burst.enter * burst.loss) / (burst.enter + burst.leave)
    words.push(`${number(part)} % loss in runs of ${number(1 / burst.leave)}`)
  }
  if (reorder) words.push(`${number(reorder.probability * 100)} % out of order`)
  if (options.duplicate) words.push(`${number(options.duplicate * 100)} % twice`)
  if (queueBytes !== undefined) words.push(`queue ${number(queueBytes / 1000)} kB`)
  if (options.mtu !== undefined) words.push(`MTU ${options.mtu}`)
  return words.join(', ')
}

function number(value: number): string {
  return String(Number(value.toPrecision(3)))
}
