// Load: short connections, one after another in each of some parallel lanes: open, one byte there
// and back, close.

import { connect } from 'node:net'
import type { ConnectRequest, ConnectResult } from './messages.ts'

/** A connection that takes longer is a failure of the tunnel, not a slow sample. */
const ANSWER_TIMEOUT_MS = 5000

const PING = Buffer.from('p')

export async function runConnect(request: ConnectRequest): Promise<ConnectResult> {
  const startsAt = performance.now() + request.warmUpMs
  const endsAt = startsAt + request.measureMs
  let completed = 0
  let lastAt = startsAt
  const lane = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      await oneConnection(request)
      const now = performance.now()
      if (now <= startsAt) continue
      completed++
      lastAt = now
    }
  }
  await Promise.all(Array.from({ length: request.parallel }, lane))
  // The last ones end a little after the window; the time they took belongs to them.
  return { completed, elapsedMs: lastAt - startsAt }
}

/** Closing does not wait for the other side, as a program that calls close() does not. */
function oneConnection({ host, port }: ConnectRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    let answered = false
    const socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(64),
        callback: () => {
          answered = true
          socket.destroy()
          return false
        }
      }
    })
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => {
      socket.destroy(new Error(`a new connection had no answer within ${ANSWER_TIMEOUT_MS} ms`))
    })
    socket.once('connect', () => socket.write(PING))
    socket.once('error', reject)
    socket.once('end', () => socket.destroy())
    socket.once('close', () => {
      if (answered) resolve()
      else reject(new Error('a new connection was closed before its answer'))
    })
  })
}
