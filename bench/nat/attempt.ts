// One attempt: both clients start, somebody connects, and what he saw says when the first byte came
// and from when on his bytes went straight to the other machine.

import { setTimeout as sleep } from 'node:timers/promises'
import type { EpochMs } from '../load/messages.ts'
import { median } from '../stats.ts'
import type { NatPair, NatServer, PairOptions } from './peers.ts'
import { PEER_RTT_MS, RELAY_RTT_MS } from './places.ts'
import type { Conditions, Place } from './places.ts'
import type { EchoAnswer } from './traffic.ts'
import type { Crossing, World } from './world.ts'

/** A message that comes back in less than this cannot have passed the server. */
export const DIRECT_BELOW_MS: number = (PEER_RTT_MS + RELAY_RTT_MS) / 2
/** For what is done at a program's start: discovery is done when the first user comes. */
const SETTLE_MS = 700
/** Fine against what is measured, and 200 small packets a second. */
const INTERVAL_MS = 5

export interface AttemptOptions {
  readonly place: Place
  readonly conditions?: Conditions
  readonly pair?: PairOptions
  /** How long a direct way is waited for. */
  readonly limitMs: number
  /** Default DIRECT_BELOW_MS. */
  readonly directBelowMs?: number
  readonly settleMs?: number
  /** A second connection after the first one. */
  readonly hasNext?: boolean
}

export interface Attempt {
  /** From the connection to the door to the first byte of the answer; undefined: none came. */
  readonly firstByteMs: number | undefined
  /** The same of the second connection. */
  readonly nextByteMs: number | undefined
  /** From the same moment to that of the first message that went directly. */
  readonly directMs: number | undefined
  /** Round trip of the messages that crossed the server, their median. */
  readonly relayMs: number | undefined
  readonly isBroken: boolean
  /** What both clients said when no byte came. */
  readonly silence: Error | undefined
  /** Packets that went or tried to go between the two machines, both ways together. */
  readonly directPackets: number
}

/** Runs one, and closes both clients. */
export async function attempt(
  world: World,
  server: NatServer,
  options: AttemptOptions,
  signal: AbortSignal,
): Promise<Attempt> {
  const { place, conditions, limitMs, directBelowMs = DIRECT_BELOW_MS } = options
  await world.stand(place, conditions)
  const pair = await server.openPair(options.pair)
  try {
    await sleep(options.settleMs ?? SETTLE_MS)
    const before = await world.crossing()
    const answer = await world.ask(
      { ...questionOf(pair), limitMs, untilBelowMs: directBelowMs },
      { signal },
    )
    pair.check()
    const after = await world.crossing()
    const first = firstByteMs(answer)
    const next = options.hasNext
      ? await world.ask({ ...questionOf(pair), limitMs, untilBelowMs: limitMs }, { signal })
      : undefined
    return {
      firstByteMs: first,
      nextByteMs: next && firstByteMs(next),
      silence: first === undefined ? silenceOf(pair) : undefined,
      directMs: directMs(answer, answer.startedAt, directBelowMs),
      relayMs: relayMs(answer, directBelowMs),
      isBroken: answer.brokenAt !== undefined,
      directPackets: packetsBetween(before, after),
    }
  } finally {
    await pair.close()
  }
}

/** Opens a pair at a place, waits until it is direct, and leaves it to `work`. */
export async function withDirectPair<Result>(
  world: World,
  server: NatServer,
  options: AttemptOptions,
  { signal, work }: {
    readonly signal: AbortSignal
    readonly work: (pair: NatPair) => Promise<Result>
  },
): Promise<Result> {
  const { place, conditions, limitMs, directBelowMs = DIRECT_BELOW_MS } = options
  await world.stand(place, conditions)
  const pair = await server.openPair(options.pair)
  try {
    await sleep(options.settleMs ?? SETTLE_MS)
    const answer = await world.ask(
      { ...questionOf(pair), limitMs, untilBelowMs: directBelowMs },
      { signal },
    )
    if (directMs(answer, answer.startedAt, directBelowMs) === undefined) {
      pair.check()
      throw new Error(`no direct way within ${limitMs} ms, which this figure needs`)
    }
    const result = await work(pair)
    pair.check()
    return result
  } finally {
    await pair.close()
  }
}

function silenceOf({ visitor, owner }: NatPair): Error {
  const text = owner.failure('was asked for nothing or answered nothing').message
  return new Error(`${visitor.failure('gave its user no byte').message}\n${text}`)
}

export function questionOf(pair: NatPair): {
  readonly type: 'echo'
  readonly port: number
  readonly intervalMs: number
} {
  return { type: 'echo', port: pair.port, intervalMs: INTERVAL_MS }
}

export function firstByteMs({ startedAt, sentAt, roundTripMs }: EchoAnswer): number | undefined {
  const [sent, took] = [sentAt[0], roundTripMs[0]]
  if (sent === undefined || took === undefined || took === null) return undefined
  return sent - startedAt + took
}

/** The first message is not counted: the connection was new. */
export function relayMs({ roundTripMs }: EchoAnswer, directBelowMs: number): number | undefined {
  const times = roundTripMs.slice(1).filter(took => took !== null && took >= directBelowMs)
  return times.length === 0 ? undefined : median(times.map(Number))
}

/** From `since` to the first message sent after it that came back in less than `belowMs`. */
export function directMs(
  { sentAt, roundTripMs }: EchoAnswer,
  since: EpochMs,
  belowMs: number,
): number | undefined {
  const index = roundTripMs.findIndex((took, at) => {
    return took !== null && took < belowMs && (sentAt[at] ?? 0) >= since
  })
  const sent = sentAt[index]
  return sent === undefined ? undefined : sent - since
}

/** How long nothing that was sent after `since` came back: the first answer to such a message. */
export function answeredMs(
  { sentAt, roundTripMs }: EchoAnswer,
  since: EpochMs,
): number | undefined {
  const times = sentAt.flatMap((sent, index) => {
    const took = roundTripMs[index]
    return sent < since || took === null || took === undefined ? [] : [sent + took - since]
  })
  return times.length === 0 ? undefined : Math.min(...times)
}

/** The longest time in which no answer came, from `since` on until the last message. */
export function longestGapMs({ sentAt, roundTripMs }: EchoAnswer, since: EpochMs): number {
  let longest = 0
  let last = since
  for (const [index, sent] of sentAt.entries()) {
    const took = roundTripMs[index]
    if (took === null || took === undefined) continue
    const at = sent + took
    if (at < since) continue
    longest = Math.max(longest, at - last)
    last = at
  }
  return Math.max(longest, (sentAt.at(-1) ?? since) - last)
}

function packetsBetween(before: Crossing, after: Crossing): number {
  return [0, 1].reduce((sum, way) => {
    return sum + (after.directPackets[way] ?? 0) - (before.directPackets[way] ?? 0)
  }, 0)
}
