// Visitors on bad days: a port that is taken, a session that goes, an owner who insists.

import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import { LogLines } from '../client/scripted-server.ts'
import { echo, openTunnel, readAll, readBytes, service, user } from '../compliance/tunnel.ts'
import { openVisit } from '../compliance/visitor-stream.ts'

const MEMORY = { name: 'memory', protocol: 'memory' } as const
const KEY = { type: 'stcp', secretKey: 'open sesame' }

t.test("a visitor's port that is taken is told, disturbs nobody, and is taken later", async t => {
  const localPort = await service(t, echo)
  const { tunnel } = await openVisit(t, MEMORY, localPort)
  const other = net.createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const taken = other.address()
  const bindPort = taken !== null && typeof taken === 'object' ? taken.port : 0
  const clock = new ManualClock()
  const log = new LogLines()
  const guest = await tunnel.join({
    visitors: [
      { name: 'blocked', serverName: 'secret', ...KEY, bindPort },
      { name: 'free', serverName: 'secret', ...KEY },
    ],
    clientOptions: { clock, log: log.logger },
  })
  await t.rejects(guest.door('blocked'), { message: /the port is taken by another program/ })
  await log.until(`start error: listen on 127.0.0.1:${bindPort}`)
  const socket = await user(t, await guest.door('free'))
  socket.write('hello')
  t.equal((await readBytes(socket, 5)).toString(), 'hello')
  socket.destroy()
  t.match(guest.client.visitors(), [{ phase: 'start error' }, { phase: 'running' }])
  other.close()
  await once(other, 'close')
  clock.advance(10_000)
  await log.until(`[blocked] start visitor success, listening on 127.0.0.1:${bindPort}`)
})

t.test('an owner who requires end to end lets visitors of ours in', async t => {
  const localPort = await service(t, echo)
  const { door } = await openVisit(t, MEMORY, localPort, { proxy: { requireEndToEnd: true } })
  const socket = await user(t, door)
  socket.end('hello')
  t.equal((await readAll(socket)).toString(), 'hello', 'a visitor of ours is let in')
})

t.test('a visitor that does not listen opens no port', async t => {
  const tunnel = await openTunnel(t, MEMORY, {
    visitors: [{ name: 'fallback', serverName: 'secret', ...KEY, bindPort: -2 }],
  })
  t.match(tunnel.client.visitors(), [{ name: 'fallback', phase: 'running', localAddr: '' }])
})

for (const type of ['xtcp', 'sudp']) {
  t.test(`a stcp visitor of a ${type} proxy is told that the type may be wrong`, async t => {
    const tunnel = await openTunnel(t, MEMORY, {
      proxies: [{ ...KEY, name: 'secret', localPort: 1, type }],
    })
    await tunnel.port('secret')
    const log = new LogLines()
    const guest = await tunnel.join({
      visitors: [{ name: 'door', serverName: 'secret', ...KEY }],
      clientOptions: { log: log.logger },
    })
    const socket = await user(t, await guest.door('door'))
    t.equal((await readAll(socket)).length, 0)
    await log.until('visitor connection of [secret]: auth failed; are type and secretKey the same')
  })
}
