import t from 'tap'
import { memoryDialer, memoryListener, MemoryNetwork, memoryPair } from '../../lib/transport/memory.ts'
import type { Session } from '../../lib/transport/transport.ts'
import { silentLogger } from '../../lib/log.ts'
import { transportCompliance } from '../compliance/transport.ts'

transportCompliance('memory', async () => {
  const [client, server] = memoryPair()
  return { client, server, vanish: () => client.sever() }
})

t.test('a dialer reaches the listener of its network', async t => {
  const network = new MemoryNetwork()
  const sessions: Session[] = []
  const events = { onSession: (session: Session) => void sessions.push(session), log: silentLogger }
  const listener = await memoryListener({ network, port: 0 }, events)
  const client = await memoryDialer({ network, port: listener.address.port }).dial()
  await Promise.resolve()
  t.equal(sessions.length, 1)
  t.strictSame(client.remoteAddress, listener.address)
  t.equal(network.sessions.length, 2)
  await client.close()
  t.equal(network.sessions.length, 0)
})

t.test('a port without a listener refuses', async t => {
  await t.rejects(memoryDialer({ network: new MemoryNetwork(), port: 7000 }).dial(), {
    code: 'CONNECT_FAILED',
  })
})

t.test('a taken port is an error', async t => {
  const network = new MemoryNetwork()
  const events = { onSession: () => {}, log: silentLogger }
  await memoryListener({ network, port: 7000 }, events)
  await t.rejects(memoryListener({ network, port: 7000 }, events), { code: 'ADDRESS_IN_USE' })
})
