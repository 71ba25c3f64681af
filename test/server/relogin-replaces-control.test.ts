import { once } from 'node:events'
import t from 'tap'
import { OURS, Peer, startServer } from './scripted-peer.ts'

t.test('a login with the same run id gets the ports of the old control', async t => {
  const server = await startServer()
  t.teardown(() => server.close())
  const old = await Peer.login(server)
  const port = await old.tcpPort({ proxy_name: 'ssh' })
  const down = once(server.server, 'proxyDown')
  const peer = await Peer.login(server, { run_id: old.runId })
  t.equal(peer.runId, old.runId)
  await down
  t.match(await peer.newProxy({ proxy_name: 'ssh', remote_port: port }), {
    remote_addr: `:${port}`,
    error: '',
  })
  await old.session.closed
  t.equal(server.server.clients().length, 1)
})

t.test('the answer to the new login comes after the old ports are free', async t => {
  const server = await startServer()
  t.teardown(() => server.close())
  const old = await Peer.login(server)
  for (let i = 0; i < 20; i++) await old.tcpPort({ proxy_name: `p${i}` })
  let closed = 0
  server.server.on('proxyDown', () => closed++)
  await Peer.login(server, { run_id: old.runId })
  t.equal(closed, 20)
})

t.test('of many logins at once with one run id the last one stays', async t => {
  const server = await startServer()
  t.teardown(() => server.close())
  const old = await Peer.login(server, OURS)
  for (let i = 0; i < 20; i++) await old.tcpPort({ proxy_name: `p${i}` })
  const peers = await Promise.all([1, 2, 3].map(() => Peer.connect(server)))
  const responses = await Promise.all(peers.map(peer => peer.login({ run_id: old.runId })))
  const errors = responses.map(({ error }) => error)
  t.strictSame(errors.filter(error => error === '').length >= 1, true)
  t.equal(errors.at(-1), '')
  t.equal(server.server.clients().length, 1)
})

t.test('a client id that is online is refused, and free again after its client left', async t => {
  const server = await startServer()
  t.teardown(() => server.close())
  const first = await Peer.login(server, { user: 'ann', client_id: 'box' })
  const second = await Peer.connect(server)
  t.match(await second.login({ user: 'ann', client_id: 'box' }), {
    error: 'client_id [box] for user [ann] is already online',
  })
  const gone = once(server.server, 'logout')
  await first.close()
  await gone
  const third = await Peer.login(server, { user: 'ann', client_id: 'box' })
  t.equal(third.response?.error, '')
})

t.test('a second login in one session ends that stream only', async t => {
  const server = await startServer()
  t.teardown(() => server.close())
  const peer = await Peer.login(server)
  const { MessageChannel } = await import('../../lib/wire/channel.ts')
  const other = new MessageChannel(await peer.session.openStream())
  other.send({ type: 'Login', run_id: 'x' })
  await other.closed
  peer.control.send({ type: 'Ping' })
  t.match(await peer.expect('Pong'), { error: '' })
})
