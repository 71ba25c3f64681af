// Each leg of a sudp visit has a redundancy of its own: the visitor says it for his, the proxy for
// the owner's.

import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { RawValues } from '../../lib/index.ts'
import type { DatagramChannel, Dialer, Session } from '../../lib/transport/transport.ts'
import { openTunnel } from '../compliance/tunnel.ts'
import { UdpUser, udpService } from '../compliance/udp.ts'
import { seededRandom, testSeed } from '../support/random.ts'

const seed = testSeed()
t.comment(`SEED=${seed}`)
// They wait for each other's packets no more than for their own.
t.jobs = 5

/** Each way. */
const LOSS = 0.1
const PACKETS = 200

interface Leg {
  wrap(dialer: Dialer): Dialer
  /** Datagrams that were lost on it. */
  readonly lost: number
}

/** Loses datagrams of the client, both ways, and no stream. */
function lossyLeg(): Leg {
  const random = seededRandom(seed)
  const leg = { lost: 0, wrap }
  const isLost = (): boolean => {
    const lost = random.below(1_000) < LOSS * 1_000
    if (lost) leg.lost++
    return lost
  }
  function lossy(channel: DatagramChannel): DatagramChannel {
    return {
      get maxBytes() {
        return channel.maxBytes
      },
      send: bytes => isLost() || channel.send(bytes),
      onDatagram: handler => {
        channel.onDatagram(datagram => {
          if (!isLost()) handler(datagram)
        })
      },
      onWritable: handler => channel.onWritable(handler),
    }
  }
  function wrap(dialer: Dialer): Dialer {
    return {
      protocol: dialer.protocol,
      close: () => dialer.close(),
      async dial(options) {
        const session: Session = await dialer.dial(options)
        const { datagrams } = session
        // The session is the test's own: what it shows of itself is replaced.
        if (datagrams !== undefined) Object.assign(session, { datagrams: lossy(datagrams) })
        return session
      },
    }
  }
  return leg
}

interface Visit {
  readonly proxy: RawValues
  readonly visitor: RawValues
  /** Whose way loses. */
  readonly lossy: 'owner' | 'visitor'
}

/** How many of PACKETS come back. */
async function answered(t: Test, { proxy, visitor, lossy }: Visit): Promise<number> {
  const service = await udpService(t)
  const leg = lossyLeg()
  const key = { type: 'sudp', secretKey: 'open sesame' }
  const memory = { name: 'memory', protocol: 'memory' } as const
  const tunnel = await openTunnel(t, memory, {
    proxies: [{ name: 'secret', localPort: service.port, ...key, transport: proxy }],
    ...(lossy === 'owner' && { wrap: leg.wrap }),
  })
  await tunnel.port('secret')
  const guest = await tunnel.join({
    visitors: [{ name: 'door', serverName: 'secret', ...key, transport: visitor }],
    ...(lossy === 'visitor' && { wrap: leg.wrap }),
  })
  const user = await UdpUser.open(t, await guest.door('door'))
  // The way is open, and its flow known.
  await user.askAgain('first')
  const seen = new Set<number>()
  user.socket.on('message', payload => {
    if (payload.length === 4) seen.add(payload.readUInt32BE(0))
  })
  for (let number = 0; number < PACKETS; number++) {
    const payload = Buffer.alloc(4)
    payload.writeUInt32BE(number)
    user.send(payload)
    // A pace at which `auto` gives copies; what it waits for is the next packet.
    await sleep(3)
  }
  // The last copies come 20 ms later.
  for (let wait = 0; wait < 20 && seen.size < PACKETS; wait++) await sleep(5)
  t.ok(leg.lost > 0, `${leg.lost} datagrams were lost`)
  return seen.size
}

const NONE = { udpRedundancy: 0 }

t.test('without redundancy on its leg a visitor loses what the leg loses', async t => {
  const visit = { proxy: { udpRedundancy: 3 }, visitor: NONE, lossy: 'visitor' } as const
  const came = await answered(t, visit)
  t.ok(came < PACKETS * 0.93, `${came} of ${PACKETS}`)
})

for (const udpRedundancy of [2, 'auto', undefined] as const) {
  const name = udpRedundancy ?? 'nothing said (auto)'
  t.test(`a visitor's redundancy protects his leg: ${name}`, async t => {
    const visitor = udpRedundancy === undefined ? {} : { udpRedundancy }
    const came = await answered(t, { proxy: NONE, visitor, lossy: 'visitor' })
    t.ok(came > PACKETS * 0.93, `${came} of ${PACKETS}`)
  })
}

t.test("a proxy's redundancy protects the owner's leg, whatever the visitor's is", async t => {
  const came = await answered(t, { proxy: { udpRedundancy: 2 }, visitor: NONE, lossy: 'owner' })
  t.ok(came > PACKETS * 0.93, `${came} of ${PACKETS}`)
})
