// Load: ping-pong of small messages on one connection, each sent when the last came back.

import { connect } from 'node:net'
import type { EchoRequest, EchoResult } from './messages.ts'

export function runEcho(request: EchoRequest): Promise<EchoResult> {
  const payload = Buffer.alloc(request.payloadBytes, 'e')
  const samplesUs = new Float64Array(request.samples)
  const rounds = request.warmUp + request.samples

  return new Promise((resolve, reject) => {
    let round = 0
    let missing = 0
    let sentAt = 0
    let endsAt = 0
    const send = (): void => {
      missing = payload.length
      sentAt = performance.now()
      socket.write(payload)
    }
    const finish = (): void => {
      const count = round - request.warmUp
      if (count > 0) resolve({ samplesUs: samplesUs.slice(0, count) })
      else
        reject(
          new Error(`${round} round trips within ${request.limitMs} ms: the warm-up did not end`)
        )
      socket.destroy()
    }
    const socket = connect({
      host: request.host,
      port: request.port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(4096),
        callback: bytes => {
          missing -= bytes
          if (missing > 0) return true
          const now = performance.now()
          if (round >= request.warmUp) samplesUs[round - request.warmUp] = (now - sentAt) * 1000
          round++
          if (round < rounds && now < endsAt) send()
          else finish()
          return true
        }
      }
    })
    // An echo that stops coming back ends here; one under way is given as long as it lasts so far.
    const timer = setTimeout(() => {
      if (round >= request.warmUp)
        samplesUs[round++ - request.warmUp] = (performance.now() - sentAt) * 1000
      finish()
    }, request.limitMs)
    socket.once('connect', () => {
      endsAt = performance.now() + request.limitMs
      send()
    })
    socket.once('error', reject)
    socket.once('close', () => {
      clearTimeout(timer)
      reject(new Error(`the echo connection was closed after ${round} of ${rounds} round trips`))
    })
  })
}
