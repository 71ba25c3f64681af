// One look at the port that a counting NAT has reached: a throw-away socket asks a server for its
// mapping. Takes a round trip, so it can be done right before ports are foreseen.

import { randomBytes } from 'node:crypto'
import { decodeStun, Transactions } from '../../nat/stun/index.ts'
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import { Alarm } from '../control/alarm.ts'
import type { PeerPort } from './port.ts'

/** A sample that comes later than the ports are wanted is of no use. */
const WAITS_MS = [60, 120, 240] as const

export interface PortSeen {
  readonly port: number
  /** When the NAT gave it, about; on the clock that was given. */
  readonly at: number
}

/** Undefined where nobody answers within 420 ms. Never rejects. */
export async function samplePort(
  port: PeerPort,
  server: Address,
  clock: Clock,
): Promise<PortSeen | undefined> {
  const [socket] = await port.openExtra(1)
  if (socket === undefined) return undefined
  const transactions = new Transactions({ random: randomBytes, waitsMs: WAITS_MS })
  return new Promise(resolve => {
    const alarm = new Alarm(clock, () => drive())
    const unlisten = port.listen((from, data, address) => {
      const message = from === socket ? decodeStun(data) : undefined
      if (!message || !transactions.handleMessage(from, message, address, clock.now())) return false
      drive()
      return true
    })
    const end = (seen: PortSeen | undefined): void => {
      alarm.set(undefined)
      unlisten()
      port.closeExtra([socket])
      resolve(seen)
    }
    const drive = (): void => {
      for (;;) {
        const output = transactions.poll(clock.now())
        if (output === undefined) break
        if (output.type === 'failed') return end(undefined)
        if (output.type === 'answer') {
          return end({ port: output.mapped.port, at: output.at - output.rttMs / 2 })
        }
        port.send(output.socket, output.data, output.to)
      }
      alarm.set(transactions.deadline())
    }
    transactions.start({ socket, to: server }, clock.now())
    drive()
  })
}
