import { once } from 'node:events'
import { createServer as createTcpServer } from 'node:net'
import t, { type Test } from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import { FEATURES } from '../../lib/wire/features.ts'
import { authKey } from '../../lib/wire/auth.ts'
import {
  configOf,
  connectUser,
  isPortOpen,
  OURS,
  Peer,
  startServer,
  type TestServer,
} from './scripted-peer.ts'

async function start(t: Test, ...args: Parameters<typeof startServer>): Promise<TestServer> {
  const server = await startServer(...args)
  t.teardown(() => server.close())
  return server
}

t.test('a login is answered with a run id, and nothing of ours towards a real frpc', async t => {
  const server = await start(t)
  const peer = await Peer.login(server)
  t.match(peer.response, { run_id: /^[0-9a-f]{16}$/, error: '' })
  t.equal(peer.response?.quicfrp, undefined)
  t.strictSame(server.server.clients().map(({ runId }) => runId), [peer.runId])
})

t.test('a client of ours learns what this server can do', async t => {
  const peer = await Peer.login(await start(t), OURS)
  t.strictSame(peer.response?.quicfrp?.features, FEATURES)
})

t.test('a wrong token is answered in words, and the session ends', async t => {
  const clock = new ManualClock()
  const server = await start(t, {}, { clock })
  const refused = once(server.server, 'loginRefused')
  const peer = await Peer.connect(server)
  const response = await peer.login({ privilege_key: authKey('wrong', 1_700_000_000) })
  t.match(response, { run_id: '', error: "token in login doesn't match token from configuration" })
  t.match(await refused, [{ reason: /token in login/ }])
  clock.advance(1_000)
  await peer.session.closed
  t.strictSame(server.server.clients(), [])
})

t.test('without detailedErrorsToClient the client learns only that it failed', async t => {
  const peer = await Peer.connect(await start(t, { detailedErrorsToClient: false }))
  const response = await peer.login({ privilege_key: 'x' })
  t.equal(response.error, 'register control error')
})

t.test('an address that keeps failing is refused even with the right token', async t => {
  const server = await start(t)
  for (let i = 0; i < 20; i++) {
    const peer = await Peer.connect(server)
    await peer.login({ privilege_key: 'x' })
  }
  const peer = await Peer.connect(server)
  t.match(await peer.login(), { error: /too many failed logins/ })
})

for (const pool_count of [-1, -2_147_483_648, 2_147_483_647]) {
  t.test(`a pool_count of ${pool_count} is clamped, and the server lives on`, async t => {
    const server = await start(t)
    const peer = await Peer.login(server, { pool_count })
    let requests = 0
    // The Pong comes after every request of the start.
    peer.control.send({ type: 'Ping' })
    for (;;) {
      const message = await peer.control.readMessage()
      if (message.type === 'Pong') break
      if (message.type === 'ReqWorkConn') requests++
    }
    t.equal(requests, pool_count < 0 ? 0 : 5)
    t.ok((await Peer.login(server)).runId)
  })
}

t.test('a ping is answered', async t => {
  const peer = await Peer.login(await start(t))
  peer.control.send({ type: 'Ping' })
  t.match(await peer.expect('Pong'), { error: '' })
})

t.test('a ping without the key that the scope asks for gets an error', async t => {
  const config = configOf()
  const auth = { ...config.auth, additionalScopes: ['HeartBeats'] } as const
  const peer = await Peer.login(await start(t, { auth }))
  peer.control.send({ type: 'Ping' })
  t.match(await peer.expect('Pong'), { error: /token in heartbeat doesn't match/ })
})

t.test('a client that is silent past heartbeatTimeout is closed', async t => {
  const clock = new ManualClock()
  const { transport } = configOf()
  const server = await start(t, { transport: { ...transport, heartbeatTimeout: 90 } }, { clock })
  const peer = await Peer.login(server)
  const gone = once(server.server, 'logout')
  clock.advance(90_000)
  t.match(await gone, [{ runId: peer.runId, reason: 'heartbeat timeout' }])
})

t.test('remotePort 0 gives an open port, and users can connect', async t => {
  const server = await start(t)
  const up = once(server.server, 'proxyUp')
  const peer = await Peer.login(server)
  const port = await peer.tcpPort({ proxy_name: 'ssh' })
  t.match(await up, [{ name: 'ssh', type: 'tcp', remoteAddr: `:${port}` }])
  t.ok(await isPortOpen(port))
})

t.test('a port that another program has is unavailable', async t => {
  const other = createTcpServer()
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const address = other.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const peer = await Peer.login(await start(t))
  t.match(await peer.newProxy({ remote_port: address.port }), { error: 'port unavailable' })
})

t.test('a port of another proxy is already used', async t => {
  const server = await start(t)
  const first = await Peer.login(server)
  const port = await first.tcpPort({ proxy_name: 'a' })
  const second = await Peer.login(server)
  const response = await second.newProxy({ proxy_name: 'b', remote_port: port })
  t.match(response, { proxy_name: 'b', remote_addr: '', error: 'port already used' })
})

t.test('a port outside allowPorts is not allowed', async t => {
  const peer = await Peer.login(await start(t, { allowPorts: [{ start: 2000, end: 2001 }] }))
  t.match(await peer.newProxy({ remote_port: 6000 }), { error: 'port not allowed' })
})

t.test('a name is free for one client at a time', async t => {
  const server = await start(t)
  const first = await Peer.login(server)
  await first.tcpPort({ proxy_name: 'ssh' })
  const second = await Peer.login(server)
  t.match(await second.newProxy({ proxy_name: 'ssh' }), { error: 'proxy [ssh] already exists' })
  t.match(await first.newProxy({ proxy_name: 'ssh' }), { error: 'proxy [ssh] already exists' })
})

t.test('CloseProxy closes the port, but not that of somebody else', async t => {
  const server = await start(t)
  const owner = await Peer.login(server)
  const port = await owner.tcpPort({ proxy_name: 'ssh' })
  const other = await Peer.login(server)
  other.control.send({ type: 'CloseProxy', proxy_name: 'ssh' })
  other.control.send({ type: 'Ping' })
  await other.expect('Pong')
  t.ok(await isPortOpen(port))
  const down = once(server.server, 'proxyDown')
  owner.control.send({ type: 'CloseProxy', proxy_name: 'ssh' })
  await down
  t.notOk(await isPortOpen(port))
})

t.test('the ports of a client that vanishes are free', async t => {
  const server = await start(t)
  const peer = await Peer.login(server)
  const port = await peer.tcpPort({ proxy_name: 'ssh' })
  const gone = once(server.server, 'logout')
  peer.session.sever()
  await gone
  t.notOk(await isPortOpen(port))
  const again = await Peer.login(server)
  t.match(await again.newProxy({ proxy_name: 'ssh', remote_port: port }), { error: '' })
})

t.test('the same proxy finds the port that it had', async t => {
  const server = await start(t)
  const peer = await Peer.login(server)
  const port = await peer.tcpPort({ proxy_name: 'ssh' })
  const gone = once(server.server, 'logout')
  peer.session.sever()
  await gone
  const again = await Peer.login(server)
  t.equal(await again.tcpPort({ proxy_name: 'ssh' }), port)
})

t.test('the status shows the client and its proxies', async t => {
  const server = await start(t)
  const peer = await Peer.login(server, {
    ...OURS,
    user: 'ann',
    hostname: 'box',
    metas: { a: '1' },
  })
  const port = await peer.tcpPort({ proxy_name: 'ann.ssh', annotations: { team: 'x' } })
  t.match(server.server.clients(), [
    {
      runId: peer.runId,
      user: 'ann',
      hostname: 'box',
      version: '0.70.1',
      quicfrp: '0.1.0',
      protocol: 'memory',
      metadatas: { a: '1' },
      proxies: [
        {
          name: 'ann.ssh',
          type: 'tcp',
          remoteAddr: `:${port}`,
          annotations: { team: 'x' },
          currentConnections: 0,
          totalConnections: 0,
        },
      ],
    },
  ])
})

t.test('closing the server closes sessions and ports, and can be done twice', async t => {
  const server = await start(t)
  const peer = await Peer.login(server)
  const port = await peer.tcpPort()
  const closed = once(server.server, 'close')
  await Promise.all([server.server.close(), server.server.close()])
  await closed
  t.match(await peer.session.closed, { by: 'remote' })
  t.notOk(await isPortOpen(port))
})

t.test('a listener that throws does not end the client', async t => {
  const server = await start(t)
  server.server.on('proxyUp', () => {
    throw new Error('not our fault')
  })
  const peer = await Peer.login(server)
  const port = await peer.tcpPort()
  const user = await connectUser(port)
  user.destroy()
  peer.control.send({ type: 'Ping' })
  t.match(await peer.expect('Pong'), { error: '' })
})

t.test('a visitor whose client has not logged in gets nothing', async t => {
  const peer = await Peer.connect(await start(t))
  peer.control.send({ type: 'NewVisitorConn', proxy_name: 'ann.ssh' })
  const response = await peer.control.readExpected('NewVisitorConnResp')
  t.equal(response.error, 'no client control found for run id []')
})
