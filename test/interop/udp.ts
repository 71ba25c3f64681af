// What a udp proxy of two programs must do, each ours or a real frp's, over every transport that
// both have.

import { randomBytes } from 'node:crypto'
import t from 'tap'
import { UdpUser, udpService } from '../compliance/udp.ts'
import { type Makers, openPrograms, skipReason, TRANSPORTS } from './programs.ts'

const LAYERS = {
  plain: [],
  encrypted: ['transport.useEncryption = true'],
  compressed: ['transport.useCompression = true'],
  both: ['transport.useEncryption = true', 'transport.useCompression = true'],
}

const SIZES = [1, 2, 3, 100, 512, 1_200, 1_400]

/** Echoes, so many of them under way at a time. */
const ECHOES = 10_000
const OUTSTANDING = 32
/** Loopback loses a packet only where a queue is full; nobody promises more for UDP. */
const ENOUGH = 9_950

export function udpSuite(makers: Makers): void {
  const isReal = makers.frps === 'real' || makers.frpc === 'real'
  const skip = isReal && skipReason()
  for (const transport of TRANSPORTS) {
    t.test(`${transport.name}: packets come back as they were sent`, { skip }, async t => {
      const service = await udpService(t)
      const choice = { type: 'udp', makers, transport, proxies: LAYERS } as const
      const { ports } = await openPrograms(t, { ...choice, localPort: service.port })
      for (const name of Object.keys(LAYERS)) {
        const user = await UdpUser.open(t, ports[name] ?? 0)
        await untilAnswered(user)
        for (const size of SIZES) {
          const payload = randomBytes(size)
          t.ok((await user.ask(payload)).equals(payload), `${name}: ${size} bytes`)
        }
      }
      const user = await UdpUser.open(t, ports['plain'] ?? 0)
      const came = await echoes(user)
      t.ok(came >= ENOUGH, `${came} of ${ECHOES} echoes came`)
    })
  }
}

/** Packets sent before the link is there can be lost with real programs: asks until one is not. */
async function untilAnswered(user: UdpUser): Promise<void> {
  const timer = setInterval(() => user.send('hello'), 100)
  await user.receive()
  clearInterval(timer)
  // What else was answered comes before the answer to this one.
  const last = randomBytes(16)
  user.send(last)
  while (!(await user.receive()).equals(last));
}

/** How many of ECHOES numbered packets came back. */
function echoes(user: UdpUser): Promise<number> {
  return new Promise(resolve => {
    const came = new Set<number>()
    let sent = 0
    let under = 0
    const next = (): void => {
      while (under < OUTSTANDING && sent < ECHOES) {
        const payload = Buffer.alloc(100)
        payload.writeUInt32BE(sent++)
        under++
        user.send(payload)
      }
    }
    // A lost packet would hold its place for ever: after a silence all places are free again.
    let heard = 0
    const timer = setInterval(() => {
      if (heard > 0) {
        heard = 0
        return
      }
      under = 0
      if (sent < ECHOES) next()
      else finish()
    }, 500)
    const finish = (): void => {
      clearInterval(timer)
      resolve(came.size)
    }
    user.socket.on('message', payload => {
      came.add(payload.readUInt32BE(0))
      heard++
      under--
      if (came.size === ECHOES) finish()
      else next()
    })
    next()
  })
}
