// frps between a visitor's flow link and the owner's, before the owner has said anything.

import { duplexPair } from 'node:stream'
import t from 'tap'
import { systemClock } from '../../lib/clock.ts'
import { beginFlowLink, type Flow, receiveFlowLink } from '../../lib/datagram/index.ts'
import type { ProxySpec } from '../../lib/proxy/host.ts'
import { packetServer } from '../../lib/proxy/sudp.ts'
import { fakeHost, SPEC } from './fake-host.ts'

const clock = systemClock
const spec: ProxySpec = { ...SPEC, name: 'game', type: 'sudp' }
const introduction = {
  ephemeral: 'e',
  prekey: 'p',
  proof: 'anything',
  sign_key: '',
  timestamp: 0,
  use_encryption: false,
  use_compression: false,
}

t.test('who has not been accepted has one flow, and nothing of it is counted', async t => {
  const [atServer, owner] = duplexPair()
  const [user, visitor] = duplexPair()
  let counted = 0
  const host = fakeHost({
    packets: { isReal: false, session: undefined },
    openWorkStream: async () => ({ stream: atServer, halfClose: true }),
    countTraffic: bytes => (counted += bytes),
  })
  packetServer(spec, host)({
    stream: user,
    remote: { ip: '203.0.113.9', port: 5_555 },
    local: { ip: '192.0.2.1', port: 7_000 },
    visit: { halfClose: true, isEndToEnd: true, introduction },
  })
  const { link, answered } = beginFlowLink({ stream: visitor, clock })
  const send = (port: number): Flow | undefined => {
    const flow = link.open({ ip: '192.0.2.2', port })
    flow?.send(Buffer.from(`from ${port}`))
    return flow
  }
  const [first, second] = [send(1), send(2)]
  const { link: inner, answer } = await receiveFlowLink({ stream: owner, clock })
  const heard: string[] = []
  let wake = (): void => {}
  inner.onFlow(flow => {
    flow.onPacket(packet => {
      heard.push(String(packet))
      wake()
    })
  })
  const until = async (count: number): Promise<void> => {
    while (heard.length < count) await new Promise<void>(resolve => (wake = resolve))
  }
  await until(1)
  first?.send(Buffer.from('again'))
  await until(2)
  t.strictSame(heard, ['from 1', 'again'])
  t.equal(counted, 0)
  answer({ idleMs: 5_000 })
  await answered()
  t.equal(link.peerIdleMs, 5_000)
  send(3)
  await until(3)
  t.equal(heard[2], 'from 3')
  t.ok(second?.isClosed)
  t.equal(counted, 6)
  for (const stream of [atServer, owner, user, visitor]) stream.destroy()
})
