import t, { type Test } from 'tap'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { generate } from 'selfsigned'
import type { Logger } from '../../lib/log.ts'
import { selfSignedCertificate } from '../../lib/transport/certificate.ts'
import {
  listenTcp,
  tcpDialer,
  type TcpDialOptions,
  type TcpListenOptions,
} from '../../lib/transport/tcp.ts'
import type { Session } from '../../lib/transport/transport.ts'
import { readAll } from '../compliance/transport.ts'

const DAY_MS = 86_400_000
const pair = selfSignedCertificate()

interface Server {
  readonly port: number
  readonly lines: string[]
  /** Resolves with the next line that is logged. */
  line(): Promise<string>
  session(): Promise<Session>
}

async function serve(
  t: Test,
  options: Partial<Omit<TcpListenOptions, 'tls'>> & { tls?: Partial<TcpListenOptions['tls']> } = {},
): Promise<Server> {
  const lines: string[] = []
  const lineWaiters: ((line: string) => void)[] = []
  const sessions: Session[] = []
  const sessionWaiters: ((session: Session) => void)[] = []
  const write = (line: string): void => {
    lines.push(line)
    lineWaiters.shift()?.(line)
  }
  const log: Logger = {
    trace: write,
    debug: write,
    info: write,
    warn: write,
    error: write,
    child: () => log,
  }
  const listener = await listenTcp(
    {
      address: { ip: '127.0.0.1', port: 0 },
      mux: true,
      ...options,
      tls: { ...(await pair), force: false, ...options.tls },
    },
    {
      log,
      onSession(session) {
        session.onStream(stream => stream.pipe(stream))
        const waiter = sessionWaiters.shift()
        if (waiter) waiter(session)
        else sessions.push(session)
        t.teardown(() => session.close())
      },
    },
  )
  t.teardown(() => listener.close())
  return {
    port: listener.address.port,
    lines,
    line: () => new Promise(resolve => lineWaiters.push(resolve)),
    session: async () => sessions.shift() ?? new Promise(resolve => sessionWaiters.push(resolve)),
  }
}

async function dial(t: Test, port: number, options: Partial<TcpDialOptions> = {}): Promise<Session> {
  const dialer = tcpDialer({ host: '127.0.0.1', port, mux: true, ...options })
  t.teardown(() => dialer.close())
  const session = await dialer.dial()
  t.teardown(() => session.close())
  return session
}

async function echo(session: Session): Promise<string> {
  const stream = await session.openStream()
  stream.end('hello')
  return String(await readAll(stream))
}

/** A socket of a stranger; resolves with everything it received when it is closed. */
function stranger(t: Test, port: number, first?: string | Buffer): { socket: Socket; closed: Promise<Buffer> } {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  socket.on('error', () => {})
  if (first !== undefined) socket.write(first)
  const closed = new Promise<Buffer>(resolve => socket.on('close', () => resolve(Buffer.concat(chunks))))
  return { socket, closed }
}

t.test('one port serves TLS, the byte of frp before TLS, and plain links', async t => {
  const { port } = await serve(t)
  const forms: Partial<TcpDialOptions>[] = [
    {},
    { tls: { serverName: 'localhost' } },
    { tls: { serverName: '127.0.0.1', customFirstByte: true } },
  ]
  for (const form of forms) t.equal(await echo(await dial(t, port, form)), 'hello')
})

t.test('a browser is dropped with one line that says what came', async t => {
  const server = await serve(t)
  const line = server.line()
  const { closed } = stranger(t, server.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  t.equal((await closed).length, 0)
  t.match(await line, /dropped: it does not speak frp: "GET \/ HTTP/)
  t.equal(server.lines.length, 1)
})

t.test('a stranger inside TLS loses the session, with what it sent as the reason', async t => {
  const server = await serve(t)
  const secure = connectTls({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false })
  t.teardown(() => secure.destroy())
  secure.on('error', () => {})
  secure.write('GET / HTTP/1.1\r\n\r\n')
  const session = await server.session()
  t.match(await session.closed, { by: 'lost', detail: /does not speak yamux.*GET/ })
})

t.test('broken TLS is one line, and the next client is served', async t => {
  const server = await serve(t)
  const line = server.line()
  const { closed } = stranger(t, server.port, Buffer.from('160301000500000000000000000000', 'hex'))
  await closed
  t.match(await line, /TLS with 127\.0\.0\.1:\d+ failed: it does not speak TLS \(ERR_SSL_\w+\)$/)
  t.equal(await echo(await dial(t, server.port, { tls: { serverName: 'x' } })), 'hello')
})

t.test('a silent peer is dropped at its deadline and holds up nobody', async t => {
  const server = await serve(t, { openingTimeoutMs: 50 })
  const line = server.line()
  const { closed } = stranger(t, server.port)
  t.equal(await echo(await dial(t, server.port, { tls: { serverName: 'x' } })), 'hello')
  await closed
  t.match(await line, /stays silent/)
})

t.test('a peer that stops in the TLS handshake is dropped', async t => {
  const server = await serve(t, { openingTimeoutMs: 50 })
  const { closed } = stranger(t, server.port, Buffer.from('16030100', 'hex'))
  await closed
  t.pass('closed')
})

t.test('hundreds of silent peers leave room for a client', async t => {
  const server = await serve(t, { pendingLimits: { perIp: 20, total: 20 } })
  const silent = Array.from({ length: 200 }, () => stranger(t, server.port))
  await Promise.all(silent.slice(0, 100).map(({ closed }) => closed))
  t.equal(await echo(await dial(t, server.port, { tls: { serverName: 'x' } })), 'hello')
})

t.test('tls.force refuses a plain link and says why', async t => {
  const server = await serve(t, { tls: { force: true } })
  const line = server.line()
  const session = await dial(t, server.port)
  t.match(await session.closed, { by: /remote|lost/ })
  t.match(await line, /tls\.force/)
})

t.test('a client with the other tcpMux is refused and the line says so', async t => {
  const server = await serve(t)
  const line = server.line()
  const session = await dial(t, server.port, { mux: false })
  const stream = await session.openStream()
  stream.write('o')
  t.equal((await readAll(stream)).length, 0)
  t.match(await line, /tcpMux off, and here it is on/)
})

t.test('a closed port is CONNECT_FAILED with the address', async t => {
  const listener = await listenTcp(
    { address: { ip: '127.0.0.1', port: 0 }, mux: true, tls: { ...(await pair), force: false } },
    { log: (await import('../../lib/log.ts')).silentLogger, onSession() {} },
  )
  await listener.close()
  await t.rejects(dial(t, listener.address.port), {
    code: 'CONNECT_FAILED',
    message: new RegExp(`127\\.0\\.0\\.1:${listener.address.port}.*ECONNREFUSED`),
  })
})

t.test('a server that never answers the handshake is TIMED_OUT', async t => {
  const { createServer } = await import('node:net')
  const mute = createServer(socket => t.teardown(() => socket.destroy()))
  await new Promise<void>(resolve => mute.listen(0, '127.0.0.1', resolve))
  t.teardown(() => mute.close())
  const address = mute.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  await t.rejects(dial(t, port, { tls: { serverName: 'x' }, connectTimeoutMs: 50 }), {
    code: 'TIMED_OUT',
  })
})

t.test('a timeout beyond what a timer can count does not end the dial', async t => {
  const { port } = await serve(t)
  const session = await dial(t, port, { tls: { serverName: 'x' }, connectTimeoutMs: 2 ** 31 })
  t.equal(session.remoteAddress.port, port)
})

t.test('an aborted dial is ABORTED', async t => {
  const { port } = await serve(t)
  const dialer = tcpDialer({ host: '127.0.0.1', port, mux: true, tls: { serverName: 'x' } })
  const abort = new AbortController()
  const dialing = dialer.dial({ signal: abort.signal })
  abort.abort()
  await t.rejects(dialing, { code: 'ABORTED' })
})

t.test('a taken port is ADDRESS_IN_USE and named', async t => {
  const { port } = await serve(t)
  await t.rejects(serve(t, { address: { ip: '127.0.0.1', port } }), {
    code: 'ADDRESS_IN_USE',
    message: new RegExp(`:${port}`),
  })
})

t.test('the wildcard takes IPv4', async t => {
  const { port } = await serve(t, { address: { ip: '0.0.0.0', port: 0 } })
  const session = await dial(t, port)
  t.equal(await echo(session), 'hello')
  t.equal(session.remoteAddress.ip, '127.0.0.1')
})

t.test('the server sees an IPv4 client as IPv4', async t => {
  const server = await serve(t, { address: { ip: '0.0.0.0', port: 0 } })
  await dial(t, server.port)
  t.equal((await server.session()).remoteAddress.ip, '127.0.0.1')
})

t.test('certificates', async t => {
  const authority = await generate([{ name: 'commonName', value: 'ca' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  })
  const ca = authority.cert
  const issue = async (name: string, from: number, to: number): Promise<{ key: string; cert: string }> => {
    const { private: key, cert } = await generate([{ name: 'commonName', value: name }], {
      keyType: 'ec',
      algorithm: 'sha256',
      notBeforeDate: new Date(Date.now() + from * DAY_MS),
      notAfterDate: new Date(Date.now() + to * DAY_MS),
      ca: { key: authority.private, cert: ca },
    })
    return { key, cert }
  }
  const good = await issue('tunnel.example', -1, 1)
  const expired = await issue('tunnel.example', -2, -1)

  t.test('a client with the CA accepts the right name', async t => {
    const { port } = await serve(t, { tls: good })
    t.equal(await echo(await dial(t, port, { tls: { serverName: 'tunnel.example', ca } })), 'hello')
  })

  t.test('it refuses another name, and says which was expected', async t => {
    const { port } = await serve(t, { tls: good })
    await t.rejects(dial(t, port, { tls: { serverName: 'other.example', ca } }), {
      code: 'TLS_FAILED',
      message: /not for other\.example/,
    })
  })

  t.test('it refuses a certificate that the CA has not signed', async t => {
    const { port } = await serve(t)
    await t.rejects(dial(t, port, { tls: { serverName: 'frps', ca } }), {
      code: 'TLS_FAILED',
      message: /not signed by/,
    })
  })

  t.test('it refuses an expired certificate in plain words', async t => {
    const { port } = await serve(t, { tls: expired })
    await t.rejects(dial(t, port, { tls: { serverName: 'tunnel.example', ca } }), {
      code: 'TLS_FAILED',
      message: /has expired/,
    })
  })

  t.test('a server with a CA lets in a client that the CA has signed', async t => {
    const server = await serve(t, { tls: { ...good, ca } })
    const client = await issue('client', -1, 1)
    t.equal(await echo(await dial(t, server.port, { tls: { serverName: 'x', ...client } })), 'hello')
  })

  t.test('and no other', async t => {
    const server = await serve(t, { tls: { ...good, ca } })
    const strangers = [
      { client: {}, why: /no client certificate/ },
      { client: await pair, why: /not signed/ },
      { client: await issue('late', -2, -1), why: /has expired/ },
    ]
    for (const { client, why } of strangers) {
      const line = server.line()
      // In TLS 1.3 the client is done before the server has looked at its certificate.
      const session = await dial(t, server.port, { tls: { serverName: 'x', ...client } }).catch(() => undefined)
      await session?.closed
      t.match(await line, /TLS with 127/)
      t.match(server.lines.at(-1), why)
    }
  })

  t.test('and nobody without TLS', async t => {
    const server = await serve(t, { tls: { ...good, ca } })
    const line = server.line()
    await (await dial(t, server.port)).closed
    t.match(await line, /without TLS/)
  })
})
