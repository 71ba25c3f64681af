// Load: do long datagrams come back whole? One at a time, so that no queue is to blame.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import type { SizesRequest, SizesResult } from './messages.ts'

export async function runSizes(request: SizesRequest): Promise<SizesResult> {
  const { host, port, sizes, count, waitMs } = request
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  // A port unreachable, mostly: what is missing is counted anyway.
  socket.on('error', () => {})
  let handleAnswer = (_answer: Buffer): void => {}
  socket.on('message', answer => handleAnswer(answer))
  const answered = (question: Buffer): Promise<boolean> =>
    new Promise(resolve => {
      const timer = setTimeout(() => resolve(false), waitMs)
      handleAnswer = answer => {
        if (!answer.equals(question)) return
        clearTimeout(timer)
        resolve(true)
      }
      socket.send(question)
    })
  socket.connect(port, host)
  await once(socket, 'connect')
  const whole: number[] = []
  for (const size of sizes) {
    let arrived = 0
    for (let number = 0; number < count; number++) {
      if (await answered(patternOf(size, number))) arrived++
    }
    whole.push(arrived)
  }
  socket.close()
  return { whole }
}

/** Each datagram is another one, and no part of it is like the next part. */
function patternOf(bytes: number, number: number): Buffer {
  const pattern = Buffer.allocUnsafe(bytes)
  for (let at = 0; at < bytes; at++) pattern[at] = (at * 7 + (at >> 8) * 13 + number * 31) & 0xff
  return pattern
}
