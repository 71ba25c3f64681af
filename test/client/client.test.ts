// A whole client over the memory transport, with a scripted server; local services are real
// sockets.

import { once } from 'node:events'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import { type Client, createClient } from '../../lib/client/index.ts'
import { FEATURES } from '../../lib/wire/features.ts'
import { memoryDialer, MemoryNetwork } from '../../lib/transport/memory.ts'
import { authKey } from '../../lib/wire/auth.ts'
import { LogLines, ScriptedServer, type ServerScript } from './scripted-server.ts'
import { clientConfig, type ConfigChoice, type ProxyChoice, tcpProxy } from './setup.ts'

const OURS = FEATURES

interface World {
  readonly network: MemoryNetwork
  readonly server: ScriptedServer
  readonly client: Client
  readonly log: LogLines
}

interface Choice {
  readonly script?: ServerScript
  readonly config?: ConfigChoice
  readonly proxies?: readonly ProxyChoice[]
  readonly clock?: ManualClock
}

async function world(t: Test, choice: Choice = {}): Promise<World> {
  const network = new MemoryNetwork()
  const server = await ScriptedServer.listen(network, choice.script)
  const log = new LogLines()
  const client = createClient(
    {
      config: clientConfig(choice.config),
      proxies: (choice.proxies ?? []).map(tcpProxy),
      visitors: [],
    },
    {
      dialer: memoryDialer({ network, port: 7000 }),
      log: log.logger,
      ...(choice.clock && { clock: choice.clock }),
    },
  )
  t.teardown(async () => {
    const closing = client.close({ graceMs: 0 })
    choice.clock?.advance(5_000)
    await closing
    await server.close()
  })
  return { network, server, client, log }
}

/** A service on a real socket; 'connection' hands its sockets over. */
async function service(t: Test, onConnection: (socket: net.Socket) => void): Promise<number> {
  const listener = net.createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {})
    onConnection(socket)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(() => listener.close())
  return (listener.address() as net.AddressInfo).port // it listens on TCP
}

/** A port that was free a moment ago. */
async function deadPort(): Promise<number> {
  const listener = net.createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as net.AddressInfo // it listens on TCP
  listener.close()
  await once(listener, 'close')
  return port
}

/**
 * Everything up to the end. Leaves the other direction alone, which `for await` and
 * stream/consumers do not.
 */
async function text(stream: Duplex): Promise<string> {
  let all = ''
  stream.on('data', (chunk: Buffer) => (all += chunk.toString()))
  await once(stream, 'end')
  return all
}

/** Reset or ended, it is over. */
function closed(stream: Duplex): Promise<void> {
  return new Promise(resolve => {
    stream.on('error', () => {})
    stream.once('close', resolve)
    stream.resume()
  })
}

async function read(stream: Duplex, bytes: number): Promise<string> {
  for (;;) {
    const chunk: Buffer | null = stream.read(bytes)
    if (chunk) return chunk.toString()
    await once(stream, 'readable')
  }
}

t.test('login says who we are, and start() resolves with it', async t => {
  const { client, server, log } = await world(t, {
    config: { token: 'secret', user: 'u' },
    script: { token: 'secret' },
  })
  await client.start()
  const { login } = await server.client()
  t.match(login, { user: 'u', run_id: '', pool_count: 1, metas: { region: 'here' } })
  t.equal(login.privilege_key, authKey('secret', login.timestamp))
  t.strictSame(login.quicfrp?.features, OURS)
  t.match(client.session(), { protocol: 'memory', runId: 'r1', features: [] })
  await log.until('login to server success, get run id [r1]')
  t.notOk(log.lines.some(line => line.includes('secret')))
})

t.test('proxies are registered in the order of their names, with their keys', async t => {
  const { client, server, log } = await world(t, {
    config: { user: 'u' },
    proxies: [
      { name: 'web', remotePort: 6001, useEncryption: true },
      { name: 'ssh', limit: { text: '1MB', bytesPerSecond: 1_048_576 }, limitMode: 'server' },
    ],
  })
  await client.start()
  const end = await server.client()
  t.match(await end.expect('NewProxy'), {
    proxy_name: 'u.ssh',
    proxy_type: 'tcp',
    remote_port: 6000,
    bandwidth_limit: '1MB',
    bandwidth_limit_mode: 'server',
    metas: { owner: 'me' },
  })
  t.match(await end.expect('NewProxy'), { proxy_name: 'u.web', use_encryption: true })
  await log.until('I [r1] proxy added: [ssh web]')
})

t.test('an accepted proxy is up, with the address users need', async t => {
  const { client, server, log } = await world(t, { proxies: [{}] })
  const up = once(client, 'proxyUp')
  await client.start()
  await (await server.client()).acceptProxy()
  t.strictSame(await up, [{ name: 'ssh', remoteAddr: 'frps.example:6000' }])
  await log.until('I [r1] [ssh] start proxy success')
  t.strictSame(client.status(), [
    {
      name: 'ssh',
      type: 'tcp',
      phase: 'running',
      localAddr: '127.0.0.1:22',
      remoteAddr: 'frps.example:6000',
      error: '',
    },
  ])
})

t.test('a refused proxy is down with the words of the server, and the others run', async t => {
  const { client, server, log } = await world(t, { proxies: [{ name: 'a' }, { name: 'b' }] })
  const down = once(client, 'proxyDown')
  const up = once(client, 'proxyUp')
  await client.start()
  const end = await server.client()
  const { proxy_name } = await end.expect('NewProxy')
  end.channel.send({ type: 'NewProxyResp', proxy_name, error: 'port already used' })
  await end.acceptProxy()
  t.strictSame(await down, [{ name: 'a', error: 'port already used' }])
  t.match(await up, [{ name: 'b' }])
  await log.until('W [r1] [a] start error: port already used')
  t.match(client.status(), [{ name: 'a', phase: 'start error', error: 'port already used' }, {}])
})

for (const kind of ['pooled', 'opened by the server'] as const) {
  t.test(`a work stream ${kind} reaches the local service and back`, async t => {
    const localPort = await service(t, socket => socket.pipe(socket))
    const { client, server } = await world(t, {
      config: { user: 'u' },
      proxies: [{ localPort }],
      script: kind === 'pooled' ? {} : { features: OURS },
    })
    const joined = once(client, 'workStream')
    await client.start()
    const end = await server.client()
    const proxy_name = await end.acceptProxy()
    const start = { proxy_name, src_addr: '10.0.0.1', src_port: 5 }
    const stream = await (kind === 'pooled' ? end.startPooled(start) : end.startOwn(start))
    stream.write('hello')
    t.equal(await read(stream, 5), 'hello')
    const [work] = await joined
    t.match(work, { proxy: 'ssh', source: { ip: '10.0.0.1', port: 5 } })
    stream.destroy()
    t.strictSame(await work.ended, { bytesToLocal: 5, bytesToUser: 5 })
  })
}

t.test('between two of ours the answer still comes after the user has ended', async t => {
  const localPort = await service(t, socket => {
    void text(socket).then(request => socket.end(`${request}, and more`))
  })
  const { client, server } = await world(t, {
    proxies: [{ localPort }],
    script: { features: OURS },
  })
  await client.start()
  const end = await server.client()
  const stream = await end.startOwn({ proxy_name: await end.acceptProxy() })
  stream.end('question')
  t.equal(await text(stream), 'question, and more')
})

t.test('towards a real frps the first end closes both sides', async t => {
  const localPort = await service(t, socket => socket.resume())
  const { client, server } = await world(t, { proxies: [{ localPort }] })
  await client.start()
  const end = await server.client()
  const stream = await end.startPooled({ proxy_name: await end.acceptProxy() })
  stream.end('question')
  await closed(stream)
  t.pass('closed without an end of the local service')
})

t.test('payload right behind StartWorkConn is not lost', async t => {
  const localPort = await service(t, socket => socket.pipe(socket))
  const { client, server } = await world(t, {
    proxies: [{ localPort }],
    script: { features: OURS },
  })
  await client.start()
  const end = await server.client()
  const proxy_name = await end.acceptProxy()
  const stream = await end.session.openStream()
  const { encodeMessage } = await import('../../lib/wire/codec.ts')
  const start = encodeMessage({ type: 'StartWorkConn', proxy_name })
  stream.end(Buffer.concat([start, Buffer.from('early')]))
  t.equal(await text(stream), 'early')
})

t.test('a user is served although his proxy still waits for its answer', async t => {
  const localPort = await service(t, socket => socket.pipe(socket))
  const { client, server } = await world(t, {
    proxies: [{ localPort }],
    script: { features: OURS },
  })
  await client.start()
  const end = await server.client()
  const { proxy_name } = await end.expect('NewProxy')
  const stream = await end.startOwn({ proxy_name })
  stream.end('soon')
  t.equal(await text(stream), 'soon')
})

t.test('a local service that is down closes the user at once, and the log says which', async t => {
  const localPort = await deadPort()
  const { client, server, log } = await world(t, {
    proxies: [{ localPort }],
    script: { features: OURS },
  })
  await client.start()
  const end = await server.client()
  const stream = await end.startOwn({ proxy_name: await end.acceptProxy() })
  await closed(stream)
  t.match(
    await log.until('connect to local service'),
    `E [r1] [ssh] connect to local service [127.0.0.1:${localPort}] error: connection refused`,
  )
})

t.test('a work stream for an unknown proxy is closed', async t => {
  const { client, server, log } = await world(t, { proxies: [{}], script: { features: OURS } })
  await client.start()
  const stream = await (await server.client()).startOwn({ proxy_name: 'nobody' })
  await closed(stream)
  await log.until('W [r1] no running proxy [nobody]')
})

t.test('the error in a StartWorkConn is shown', async t => {
  const { client, server, log } = await world(t, { proxies: [{}] })
  await client.start()
  await (await server.client()).startPooled({ error: 'pool is\nfull' })
  await log.until('StartWorkConn contains error: pool is full')
})

t.test('a real frps may not open streams', async t => {
  const { client, server } = await world(t, { proxies: [{}] })
  await client.start()
  const end = await server.client()
  const stream = await end.startOwn({ proxy_name: await end.acceptProxy() })
  await closed(stream)
  t.pass('it was closed')
})

t.test('work streams carry their keys with the scope NewWorkConns only', async t => {
  for (const scopes of [[], ['NewWorkConns']] as const) {
    const { client, server } = await world(t, {
      config: { token: 'secret', scopes },
      script: { token: 'secret' },
    })
    await client.start()
    const end = await server.client()
    end.channel.send({ type: 'ReqWorkConn' })
    const { MessageChannel } = await import('../../lib/wire/channel.ts')
    const work = await new MessageChannel(await end.expectStream()).readExpected('NewWorkConn')
    t.equal(work.run_id, 'r1')
    t.equal(work.privilege_key, scopes.length === 0 ? '' : authKey('secret', work.timestamp))
  }
})

t.test('garbage on the control ends the session and not the client', async t => {
  const { client, server } = await world(t, { config: { loginFailExit: false } })
  const gone = once(client, 'disconnect')
  await client.start()
  const end = await server.client()
  end.channel.send({ type: 'Pong', error: 'no' })
  t.match(await gone, [{ by: 'local', detail: /no/ }])
  await server.client()
  t.pass('it is back')
})

t.test('with loginFailExit a refused login rejects start() and closes the client', async t => {
  const { client } = await world(t, { script: { refusal: 'token is wrong' } })
  await t.rejects(client.start(), {
    code: 'LOGIN_REFUSED',
    detail:
      'login to the server failed: token is wrong. ' +
      'With loginFailExit enabled, no additional retries will be attempted',
  })
  await client.closed
})

t.test('with loginFailExit an unreachable server rejects start()', async t => {
  const { client, server, log } = await world(t)
  await server.close()
  await t.rejects(client.start(), { code: 'CONNECT_FAILED' })
  await log.until('W connect to server error: nobody listens on memory port 7000')
})

t.test('without loginFailExit the client waits for its server', async () => {
  const clock = new ManualClock()
  const network = new MemoryNetwork()
  const log = new LogLines()
  const client = createClient(
    { config: clientConfig({ loginFailExit: false }), proxies: [], visitors: [] },
    { dialer: memoryDialer({ network, port: 7000 }), clock, log: log.logger },
  )
  const started = client.start()
  await log.until('connect to server error')
  const server = await ScriptedServer.listen(network)
  await new Promise(setImmediate)
  clock.advance(2_200)
  await started
  const closing = client.close({ graceMs: 0 })
  clock.advance(1_000)
  await closing
  await server.close()
})

t.test('a server that never answers the login is given up', async t => {
  const clock = new ManualClock()
  const { client, server } = await world(t, { script: { isMute: true }, clock })
  const started = t.rejects(client.start(), { code: 'TIMED_OUT' })
  await server.client()
  clock.advance(10_000)
  await new Promise(setImmediate)
  clock.advance(1_000)
  await started
})

t.test('after a lost session the client logs in with its run id and registers again', async t => {
  const { client, server, network } = await world(t, { proxies: [{}], script: { runId: 'abc' } })
  await client.start()
  await (await server.client()).acceptProxy()
  await once(client, 'proxyUp')
  const down = once(client, 'proxyDown')
  const up = once(client, 'proxyUp')
  for (const session of network.sessions) session.sever()
  t.match(await down, [{ name: 'ssh', error: /the session is over/ }])
  const end = await server.client()
  t.equal(end.login.run_id, 'abc')
  await end.acceptProxy(':6001')
  t.strictSame(await up, [{ name: 'ssh', remoteAddr: 'frps.example:6001' }])
})

t.test('20 restarts of the server are each found within 3 s', async t => {
  const clock = new ManualClock()
  const network = new MemoryNetwork()
  let server = await ScriptedServer.listen(network)
  const client = createClient(
    { config: clientConfig(), proxies: [tcpProxy()], visitors: [] },
    { dialer: memoryDialer({ network, port: 7000 }), clock },
  )
  await client.start()
  await (await server.client()).acceptProxy()
  for (let restart = 0; restart < 20; restart++) {
    await server.close()
    const gone = once(client, 'disconnect')
    for (const session of network.sessions) session.sever()
    await gone
    // Its absence differs: 0 to 9.5 s.
    for (let passed = 0; passed < restart * 500; passed += 100) {
      clock.advance(100)
      await new Promise(setImmediate)
    }
    server = await ScriptedServer.listen(network)
    const up = once(client, 'proxyUp')
    let waitedMs = 0
    let isUp = false
    void up.then(() => (isUp = true))
    void server.client().then(end => end.acceptProxy())
    while (!isUp && waitedMs < 10_000) {
      clock.advance(100)
      waitedMs += 100
      // Messages pass in microtasks and ticks; a few turns of the loop carry a whole login.
      for (let turn = 0; turn < 20 && !isUp; turn++) await new Promise(setImmediate)
    }
    t.ok(waitedMs < 3_000, `restart ${restart}: ${waitedMs} ms`)
  }
  const closing = client.close({ graceMs: 0 })
  clock.advance(1_000)
  await closing
  await server.close()
})

t.test('closing withdraws the proxies and lets a running connection finish', async t => {
  const localPort = await service(t, socket => socket.pipe(socket))
  const { client, server } = await world(t, {
    proxies: [{ localPort }],
    script: { features: OURS },
  })
  await client.start()
  const end = await server.client()
  const stream = await end.startOwn({ proxy_name: await end.acceptProxy() })
  stream.write('one')
  t.equal(await read(stream, 3), 'one')
  const closing = client.close({ graceMs: 60_000 })
  await end.expect('CloseProxy')
  stream.end('two')
  t.equal(await text(stream), 'two')
  await closing
  t.match(client.status(), [{ phase: 'closed' }])
})

t.test('a connection that does not finish is cut when the grace is over', async t => {
  const clock = new ManualClock()
  const localPort = await service(t, socket => socket.pipe(socket))
  const { client, server } = await world(t, {
    proxies: [{ localPort }],
    script: { features: OURS },
    clock,
  })
  await client.start()
  const end = await server.client()
  const stream = await end.startOwn({ proxy_name: await end.acceptProxy() })
  stream.write('one')
  await read(stream, 3)
  const cut = closed(stream)
  const closing = client.close({ graceMs: 500 })
  clock.advance(500)
  await closing
  await cut
  t.equal(client.session(), undefined)
})

t.test('closing resolves in time although the transport hangs', async t => {
  const clock = new ManualClock()
  const client = createClient(
    { config: clientConfig(), proxies: [], visitors: [] },
    { clock, dialer: { dial: () => new Promise(() => {}), close: () => new Promise(() => {}) } },
  )
  const started = t.rejects(client.start(), { code: 'ABORTED' })
  const closing = client.close({ graceMs: 500 })
  clock.advance(1_500)
  await closing
  await started
  await client.closed
  await client.close()
})

t.test('a session that comes after close() is closed', async t => {
  const network = new MemoryNetwork()
  const server = await ScriptedServer.listen(network)
  let release = (): void => {}
  const held = new Promise<void>(resolve => (release = resolve))
  const real = memoryDialer({ network, port: 7000 })
  const client = createClient(
    { config: clientConfig(), proxies: [], visitors: [] },
    {
      dialer: {
        dial: async () => {
          await held
          return real.dial()
        },
        close: () => real.close(),
      },
    },
  )
  const started = t.rejects(client.start(), { code: 'ABORTED' })
  await client.close()
  await started
  release()
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  t.strictSame(network.sessions, [])
  await server.close()
})

t.test('closing before start() makes start() reject', async t => {
  const { client } = await world(t)
  await client.close()
  await t.rejects(client.start(), { code: 'ABORTED' })
})

t.test('types that do not exist yet are refused before anything starts', async t => {
  const proxy = { ...tcpProxy(), type: 'https', customDomains: [], subdomain: '' } as const
  t.throws(() => createClient({ config: clientConfig(), proxies: [proxy], visitors: [] }), {
    code: 'UNSUPPORTED',
  })
})

t.test('a proxy that fits into no message is refused before anything starts', async t => {
  const proxy = { ...tcpProxy(), metadatas: { note: 'x'.repeat(11_000) } }
  t.throws(() => createClient({ config: clientConfig(), proxies: [proxy], visitors: [] }), {
    code: 'CONFIG_INVALID',
    message: /^proxy ssh: NewProxy message is \d+ bytes long, the limit is 10240; shorten/,
  })
})
