import type { Test } from 'tap'
import type { Address } from '../../lib/address.ts'
import { openKcpHole } from '../../lib/transport/kcp-hole.ts'
import { openUdpSocket } from '../../lib/udp/index.ts'
import { type SessionPair, transportCompliance } from '../compliance/transport.ts'
import { seededRandom, testSeed } from '../support/random.ts'
import { openUdpRelay } from '../support/udp-relay.ts'

const ANY: Address = { ip: '127.0.0.1', port: 0 }
const { signal } = new AbortController()

async function makePair(t: Test, lossPercent: number): Promise<SessionPair> {
  const [near, far] = await Promise.all([openUdpSocket(ANY), openUdpSocket(ANY)])
  const seed = testSeed()
  if (lossPercent > 0) t.comment(`SEED=${seed}`)
  const relay =
    lossPercent > 0
      ? await openUdpRelay(t, {
          port: far.address.port,
          random: seededRandom(seed),
          lossPercent,
          reorderPercent: 5,
        })
      : undefined
  const others: Address[] = []
  const remote = { ...far.address, port: relay?.port ?? far.address.port }
  const [client, server] = await Promise.all([
    openKcpHole(near, { remote, others, role: 'client', signal }),
    // Behind the relay it finds out where the client is.
    openKcpHole(far, { remote: near.address, others, role: 'server', signal }),
  ])
  return { client, server }
}

transportCompliance('kcp', t => makePair(t, 0))
transportCompliance('kcp, 5 % loss', t => makePair(t, 5))
