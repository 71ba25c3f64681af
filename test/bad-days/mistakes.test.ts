// What users get wrong, on a whole tunnel with all its defaults: each gets the error that tells
// what to do, and the clients that are right go on.

import { once } from 'node:events'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import t, { type Test } from 'tap'
import {
  type Client,
  clientConfigFromValues,
  createClient,
  createServer,
  type Logger,
  type RawValues,
  type Server,
  serverConfigFromValues,
  silentLogger,
} from '../../lib/index.ts'
import { loadQuiche, QuicEndpoint } from '../../lib/quic/index.ts'
import { quicSupport } from '../../lib/transport/quic.ts'
import { openUdpSocket } from '../../lib/udp/index.ts'
import { takenPort } from '../cli/program.ts'
import { echo, readAll, readBytes, service, user } from '../compliance/tunnel.ts'

const support = await quicSupport()
const protocols = support === true ? (['tcp', 'quic'] as const) : (['tcp'] as const)
const TOKEN = 'correct horse'
const CURVE = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const

async function startServer(t: Test, extra: RawValues = {}): Promise<Server> {
  const values = { bindAddr: '127.0.0.1', bindPort: 0, auth: { token: TOKEN }, ...extra }
  const server = createServer(serverConfigFromValues(values).config)
  t.teardown(() => server.close({ graceMs: 0 }))
  await server.start()
  return server
}

function portOf(server: Server): number {
  const { tcp } = server.addresses()
  if (!tcp) throw new Error('the server does not listen')
  return tcp.port
}

interface Choice {
  readonly server: Server
  readonly transport: RawValues
  readonly common?: RawValues
  readonly proxies?: readonly RawValues[]
  readonly log?: Logger
}

function makeClient(t: Test, { server, transport, common, proxies, log }: Choice): Client {
  const setup = clientConfigFromValues({
    common: {
      serverAddr: '127.0.0.1',
      serverPort: portOf(server),
      auth: { token: TOKEN },
      ...common,
      transport,
    },
    proxies: (proxies ?? []).map(proxy => ({ type: 'tcp', remotePort: 0, ...proxy })),
  })
  const client = createClient({ ...setup, visitors: [] }, { ...(log && { log }) })
  t.teardown(() => client.close({ graceMs: 0 }))
  return client
}

/** A client that is right; gives a check that it still serves. */
async function bystander(t: Test, server: Server): Promise<() => Promise<boolean>> {
  const localPort = await service(t, echo)
  const proxies = [{ name: 'bystander', localPort }]
  const client = makeClient(t, { server, transport: {}, proxies })
  const up = once(client, 'proxyUp')
  await client.start()
  const [{ remoteAddr }] = (await up) as [{ remoteAddr: string }]
  const socket = await user(t, Number(remoteAddr.split(':').at(-1)))
  return async () => {
    socket.write('x')
    return (await readBytes(socket, 1)).toString() === 'x'
  }
}

/** Keeps what is logged as "level tags text". */
function recorder(lines: string[], tags: readonly string[] = []): Logger {
  const at =
    (level: string) =>
    (text: string): void =>
      void lines.push(`${level} [${tags.join('] [')}] ${text}`)
  return {
    ...silentLogger,
    warn: at('warn'),
    error: at('error'),
    child: scope => recorder(lines, [...tags, ...(scope.tags ?? [])]),
  }
}

for (const protocol of protocols) {
  t.test(`${protocol}: a local service that is down costs its user no time`, async t => {
    const server = await startServer(t)
    const { server: holder, port: localPort } = await takenPort()
    await new Promise(resolve => holder.close(resolve))
    const lines: string[] = []
    const proxies = [{ name: 'web', localPort }]
    const log = recorder(lines)
    const client = makeClient(t, { server, transport: { protocol }, proxies, log })
    const up = once(client, 'proxyUp')
    await client.start()
    const [{ remoteAddr }] = (await up) as [{ remoteAddr: string }]
    const socket = await user(t, Number(remoteAddr.split(':').at(-1)))
    const startedAt = performance.now()
    t.equal((await readAll(socket)).length, 0)
    const tookMs = performance.now() - startedAt
    t.ok(tookMs < 1_000, `the user was hung up on after ${Math.round(tookMs)} ms`)
    const line = lines.find(text => text.startsWith('error'))
    t.match(line, '[web]')
    t.match(line, `connect to local service [127.0.0.1:${localPort}] error`)
  })

  t.test(`${protocol}: a wrong token is refused in words`, async t => {
    const server = await startServer(t)
    const isServed = await bystander(t, server)
    const common = { auth: { token: 'battery staple' } }
    const client = makeClient(t, { server, transport: { protocol }, common })
    await t.rejects(client.start(), { code: 'LOGIN_REFUSED', message: /token/ })
    t.ok(await isServed())
  })

  t.test(`${protocol}: an expired certificate is refused in words`, async t => {
    const authority = await generate([{ name: 'commonName', value: 'authority' }], {
      ...CURVE,
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, critical: true },
      ],
    })
    const yesterday = Date.now() - 86_400_000
    const expired = await generate([{ name: 'commonName', value: 'localhost' }], {
      ...CURVE,
      notBeforeDate: new Date(yesterday - 86_400_000),
      notAfterDate: new Date(yesterday),
      ca: { key: authority.private, cert: authority.cert },
    })
    const folder = t.testdir({
      'ca.pem': authority.cert,
      'cert.pem': expired.cert,
      'key.pem': expired.private,
    })
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const server = await startServer(t, { transport: { tls: { certFile, keyFile } } })
    const tls = { trustedCaFile: join(folder, 'ca.pem'), serverName: 'localhost' }
    const strict = makeClient(t, { server, transport: { protocol, tls } })
    await t.rejects(strict.start(), { code: 'TLS_FAILED', message: /expired/ })
    // frp's default verifies nothing.
    await makeClient(t, { server, transport: { protocol } }).start()
    t.equal(server.clients().length, 1)
  })

  t.test(`${protocol}: ports that are taken or not allowed are refused in words`, async t => {
    const { server: holder, port: taken } = await takenPort()
    t.teardown(() => holder.close())
    const server = await startServer(t, {
      proxyBindAddr: '127.0.0.1',
      allowPorts: [{ single: taken }],
    })
    const proxies = [
      { name: 'taken', localPort: 1, remotePort: taken },
      { name: 'forbidden', localPort: 1, remotePort: taken - 1 },
    ]
    const client = makeClient(t, { server, transport: { protocol }, proxies })
    const errors = new Map<string, string>()
    const both = new Promise<void>(resolve => {
      client.on('proxyDown', ({ name, error }) => {
        if (errors.set(name, error).size === 2) resolve()
      })
    })
    await client.start()
    await both
    t.strictSame(Object.fromEntries(errors), {
      taken: 'port unavailable',
      forbidden: 'port not allowed',
    })
  })
}

t.test('a second frps on the same port says so and leaves the first alone', async t => {
  const server = await startServer(t)
  const isServed = await bystander(t, server)
  const { config } = serverConfigFromValues({ bindAddr: '127.0.0.1', bindPort: portOf(server) })
  const second = createServer(config)
  t.teardown(() => second.close())
  await t.rejects(second.start(), {
    code: 'ADDRESS_IN_USE',
    message: `listen tcp 127.0.0.1:${portOf(server)}: bind: address already in use`,
  })
  t.ok(await isServed())
})

const skip = support === true ? false : support

t.test('another application protocol is refused by TLS', { skip }, async t => {
  const server = await startServer(t)
  const isServed = await bystander(t, server)
  const quiche = await loadQuiche()
  const socket = await openUdpSocket({ ip: '127.0.0.1', port: 0 })
  const withAlpn = {
    ...quiche,
    Config: {
      withBoringSslCtx: (...args: Parameters<typeof quiche.Config.withBoringSslCtx>) => {
        const config = quiche.Config.withBoringSslCtx(...args)
        const set = config.setApplicationProtos.bind(config)
        config.setApplicationProtos = () => set(['h3'])
        return config
      },
    },
  }
  const endpoint = new QuicEndpoint(withAlpn, socket, {
    keepaliveMs: 10_000,
    idleTimeoutMs: 30_000,
    maxStreams: 1,
    datagramBytes: 1200,
  })
  t.teardown(() => endpoint.close(''))
  const address = { ip: '127.0.0.1', port: portOf(server) }
  const facts = { datagramBytes: 1200, isNear: true }
  const connection = endpoint.connect(address, { serverName: 'x', ...facts })
  await t.rejects(connection.ready, { code: 'TLS_FAILED', message: /ALPN/ })
  t.ok(await isServed())
})

for (const poolCount of [-1, -(2 ** 31), 2 ** 31 - 1]) {
  t.test(`a pool of ${poolCount} crashes nobody and fills nothing`, async t => {
    const server = await startServer(t)
    const isServed = await bystander(t, server)
    const localPort = await service(t, echo)
    const client = makeClient(t, {
      server,
      transport: { protocol: 'tcp', tcpMux: true, poolCount },
      proxies: [{ name: 'pooled', localPort }],
    })
    const up = once(client, 'proxyUp')
    await client.start()
    const [{ remoteAddr }] = (await up) as [{ remoteAddr: string }]
    const socket = await user(t, Number(remoteAddr.split(':').at(-1)))
    socket.end('still there')
    t.equal((await readAll(socket)).toString(), 'still there')
    t.ok(await isServed())
  })
}
