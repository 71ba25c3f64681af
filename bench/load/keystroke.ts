// Load: somebody types. Small messages at a fixed pace over one TCP connection to the echo.

import { connect } from 'node:net'
import type { KeystrokeRequest, PulseResult } from './messages.ts'
import { epochNow } from './progress.ts'
import { Pulse } from './pulse.ts'

/** A tunnel that does not even open the connection. */
const CONNECT_TIMEOUT_MS = 10_000

export async function runKeystroke(request: KeystrokeRequest): Promise<PulseResult> {
  const { host, port, payloadBytes } = request
  const payload = Buffer.alloc(payloadBytes, 'k')
  const pulse = new Pulse(request, () => void socket.write(payload))
  let received = 0
  let answered = 0
  let isOpening = request.startAt !== undefined
  const socket = connect({
    host,
    port,
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafeSlow(16_384),
      callback: bytes => {
        received += bytes
        if (isOpening && received === payloadBytes) {
          isOpening = false
          received = 0
        }
        // The echo keeps the order, so the n-th message that is complete is the n-th that was sent.
        while (received >= (answered + 1) * payloadBytes) pulse.handleAnswer(answered++)
        return true
      },
    },
  })
  return new Promise((resolve, reject) => {
    const slow = setTimeout(() => {
      reject(new Error(`no connection to ${host}:${port} within ${CONNECT_TIMEOUT_MS} ms`))
      socket.destroy()
    }, CONNECT_TIMEOUT_MS)
    let isOver = false
    const end = (error: Error): void => {
      clearTimeout(slow)
      if (isOver) return
      if (request.mayBreak !== true) reject(error)
      pulse.handleBroken()
    }
    socket.once('connect', () => {
      clearTimeout(slow)
      if (request.startAt === undefined) pulse.start()
      else {
        socket.write(payload)
        setTimeout(() => pulse.start(), request.startAt - epochNow())
      }
    })
    socket.once('error', end)
    socket.once('end', () => end(new Error('the echo connection ended while it was typed on')))
    socket.once('close', () => end(new Error('the echo connection was closed while it was used')))
    void pulse.done.then(() => {
      isOver = true
      socket.destroy()
      resolve(pulse.result())
    })
  })
}
