// Load: how many datagrams can go there and back? So many of one user are always under way; each
// answer lets the next one go. The user and the echo share one thread, which does nothing else
// meanwhile: what they cost is little, and the same for all programs.

import { cpuSeconds } from '../usage.ts'
import type { VolleyRequest, VolleyResult } from './messages.ts'
import { ipv4, UdpBatch, waitFor } from './udp-batch.ts'

/** An answer that takes longer has been lost on the way. */
const LOST_MS = 250
const CHECK_EVERY_MS = 20

/** `echoFd` is the socket of the UDP echo, which is served here as long as the run takes. */
export function runVolley(request: VolleyRequest, echoFd: number | undefined): VolleyResult {
  const { host, port, outstanding, payloadBytes, warmUpMs, measureMs, pids } = request
  const to = { ip: ipv4(host), port }
  const sentAt = new Float64Array(outstanding)
  const generations = new Uint32Array(outstanding)
  const service = new UdpBatch(echoFd)
  const user = UdpBatch.open()
  let answered = 0
  let lost = 0
  let now = performance.now()

  const send = (lane: number): void => {
    const generation = ((generations[lane] ?? 0) + 1) >>> 0
    generations[lane] = generation
    sentAt[lane] = now
    const payload = user.queue(to, payloadBytes)
    payload.writeUInt32LE(lane, 0)
    payload.writeUInt32LE(generation, 4)
  }
  const handleAnswer = (payload: Buffer): void => {
    const lane = payload.length === payloadBytes ? payload.readUInt32LE(0) : outstanding
    // Of a datagram that was given up, or twice the same.
    if (lane >= outstanding || payload.readUInt32LE(4) !== generations[lane]) return
    answered++
    send(lane)
  }
  const until = (end: number): void => {
    let checkAt = now + CHECK_EVERY_MS
    while (now < end) {
      const [hasQuestions, hasAnswers] = waitFor([service, user], CHECK_EVERY_MS)
      now = performance.now()
      if (hasQuestions === true) service.echo()
      if (hasAnswers === true) user.receive(handleAnswer)
      if (now >= checkAt) {
        checkAt = now + CHECK_EVERY_MS
        for (let lane = 0; lane < outstanding; lane++) {
          if (now - (sentAt[lane] ?? now) < LOST_MS) continue
          lost++
          send(lane)
        }
      }
      user.flush()
    }
  }
  try {
    for (let lane = 0; lane < outstanding; lane++) send(lane)
    user.flush()
    until(now + warmUpMs)
    answered = 0
    lost = 0
    const cpuBefore = sum(pids.map(cpuSeconds))
    const from = now
    until(from + measureMs)
    const cpu = sum(pids.map(cpuSeconds)) - cpuBefore
    return { answered, lost, elapsedMs: now - from, cpuSeconds: cpu }
  } finally {
    user.close()
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
