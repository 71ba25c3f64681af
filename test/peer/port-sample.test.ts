import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { systemClock } from '../../lib/clock.ts'
import { PeerPort } from '../../lib/peer/port.ts'
import { samplePort } from '../../lib/peer/port-sample.ts'
import { decodeStun, encodeStun } from '../../nat/stun/index.ts'

const SEEN = { ip: '203.0.113.1', port: 40_123 }

/** Answers from the `answersFrom`-th request on, as if a NAT were between. */
async function openServer(t: Test, answersFrom: number): Promise<Socket> {
  const server = createSocket('udp4')
  t.teardown(() => server.close())
  let asked = 0
  server.on('message', (data, from) => {
    const message = decodeStun(data)
    if (!message || ++asked < answersFrom) return
    const { transactionId } = message
    server.send(encodeStun({ kind: 'success', transactionId, mapped: SEEN }), from.port)
  })
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function openPort(t: Test): Promise<PeerPort> {
  const port = await PeerPort.open({ ip: '127.0.0.1', port: 0 })
  t.teardown(() => port.close())
  return port
}

t.test('a server tells which port the NAT gave, also when the first question is lost', async t => {
  for (const answersFrom of [1, 2]) {
    const server = await openServer(t, answersFrom)
    const port = await openPort(t)
    const before = systemClock.now()
    const to = { ip: '127.0.0.1', port: server.address().port }
    const seen = await samplePort(port, to, systemClock)
    t.equal(seen?.port, SEEN.port)
    t.ok(seen && seen.at >= before && seen.at <= systemClock.now())
  }
})

t.test('its socket is closed afterwards, and without an answer there is no sample', async t => {
  const server = await openServer(t, Infinity)
  const port = await openPort(t)
  const to = { ip: '127.0.0.1', port: server.address().port }
  t.equal(await samplePort(port, to, systemClock), undefined)
  const [next = 0] = await port.openExtra(1)
  t.equal(port.portOf(next - 1), 0)
})
