// Load: what opens a page. Waves of new connections at once, each asked for one byte, and how long
// the answer took.

import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FirstByteRequest, FirstByteResult } from './messages.ts'

/** A connection that takes longer is a failure of the tunnel, not a slow sample. */
const ANSWER_TIMEOUT_MS = 10_000

const REQUEST = Buffer.from('p')

interface Answer {
  readonly answerMs: number
  readonly totalMs: number
}

export async function runFirstByte(request: FirstByteRequest): Promise<FirstByteResult> {
  const answers: Answer[] = []
  for (let wave = 0; wave < request.waves; wave++) {
    if (wave > 0) await sleep(request.pauseMs)
    const lanes = Array.from({ length: request.parallel }, () => oneConnection(request))
    answers.push(...(await Promise.all(lanes)))
  }
  return {
    answerMs: Float64Array.from(answers, ({ answerMs }) => answerMs),
    totalMs: Float64Array.from(answers, ({ totalMs }) => totalMs),
  }
}

function oneConnection({ host, port }: FirstByteRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const askedAt = performance.now()
    let requestedAt = askedAt
    const socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(64),
        callback: () => {
          const now = performance.now()
          resolve({ answerMs: now - requestedAt, totalMs: now - askedAt })
          socket.destroy()
          return false
        },
      },
    })
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => {
      socket.destroy(new Error(`a new connection had no answer within ${ANSWER_TIMEOUT_MS} ms`))
    })
    socket.once('connect', () => {
      requestedAt = performance.now()
      socket.write(REQUEST)
    })
    socket.once('error', reject)
    socket.once('end', () => socket.destroy())
    // After an answer this changes nothing any more.
    socket.once('close', () => reject(new Error('a new connection was closed before its answer')))
  })
}
