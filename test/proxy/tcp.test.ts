import { once } from 'node:events'
import { Duplex, duplexPair } from 'node:stream'
import t from 'tap'
import { TunnelError } from '../../lib/errors.ts'
import { silentLogger } from '../../lib/log.ts'
import type { ProxyHost, ProxySpec, UserConnection } from '../../lib/proxy/host.ts'
import { startTcp } from '../../lib/proxy/tcp.ts'
import { fakeHost, never, SPEC } from './fake-host.ts'

const spec: ProxySpec = { ...SPEC, name: 'ssh', type: 'tcp', remotePort: 6000 }

interface FakeHost extends ProxyHost {
  readonly lines: string[]
  readonly traffic: { inBytes: number; outBytes: number }[]
  connect: (user: UserConnection) => void
  isOpen: boolean
}

function tcpHost(openWorkStream: ProxyHost['openWorkStream']): FakeHost {
  const lines: string[] = []
  const traffic: { inBytes: number; outBytes: number }[] = []
  const line = (text: string): void => void lines.push(text)
  const host: FakeHost = {
    ...fakeHost({
      log: { ...silentLogger, info: line, warn: line },
      openWorkStream,
      countConnection: () => bytes => void traffic.push(bytes),
    }),
    lines,
    traffic,
    isOpen: false,
    connect: () => {},
    async listenTcp(port, onUser) {
      host.isOpen = true
      host.connect = onUser
      return { port: port === 0 ? 4711 : port, close: async () => void (host.isOpen = false) }
    },
  }
  return host
}

/** Our end of a user's connection. */
function connectUser(host: FakeHost): Duplex {
  const [ours, theirs] = duplexPair()
  const remote = { ip: '203.0.113.9', port: 5555 }
  host.connect({ stream: theirs, remote, local: { ip: '192.0.2.1', port: 6000 } })
  return ours
}

function text(stream: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    let all = ''
    stream.on('data', chunk => (all += String(chunk)))
    stream.on('end', () => resolve(all))
    stream.on('error', reject)
  })
}

t.test('the client is told the port, also one that the host chose', async t => {
  t.equal((await startTcp(spec, tcpHost(never))).remoteAddr, ':6000')
  t.equal((await startTcp({ ...spec, remotePort: 0 }, tcpHost(never))).remoteAddr, ':4711')
})

t.test('each user connection is joined with a work stream and counted', async t => {
  const [work, client] = duplexPair()
  const host = tcpHost(async () => ({ stream: work, halfClose: true }))
  await startTcp(spec, host)
  const user = connectUser(host)
  user.end('hello')
  t.equal(await text(client), 'hello')
  client.end('welcome')
  t.equal(await text(user), 'welcome')
  t.strictSame(host.lines, [
    'tcp proxy listen port [6000]',
    'get a user connection [203.0.113.9:5555]',
  ])
  while (host.traffic.length === 0) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(host.traffic, [{ inBytes: 5, outBytes: 7 }])
})

t.test('a user for whom there is no work stream is closed, and the log says why', async t => {
  const host = tcpHost(async () => {
    throw new TunnelError('TIMED_OUT', 'timeout trying to get work connection')
  })
  await startTcp(spec, host)
  const stream = new Duplex({ read() {}, write() {} })
  const remote = { ip: '203.0.113.9', port: 1 }
  host.connect({ stream, remote, local: remote })
  await once(stream, 'close')
  t.equal(
    host.lines.at(-1),
    'failed to get work connection: timeout trying to get work connection',
  )
})

t.test('a user who leaves while he waits stops the waiting, without a complaint', async t => {
  let isAborted: (() => void) | undefined
  const aborted = new Promise<void>(resolve => (isAborted = resolve))
  const host = tcpHost(
    (_from, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          isAborted?.()
          reject(new TunnelError('ABORTED', 'the user left'))
        })
      }),
  )
  await startTcp(spec, host)
  const stream = new Duplex({ read() {}, write() {} })
  const remote = { ip: '203.0.113.9', port: 1 }
  host.connect({ stream, remote, local: remote })
  stream.destroy(new Error('reset'))
  await aborted
  t.equal(host.lines.at(-1), 'get a user connection [203.0.113.9:1]')
})

t.test('closing closes the port', async t => {
  const host = tcpHost(never)
  const proxy = await startTcp(spec, host)
  await proxy.close()
  t.notOk(host.isOpen)
})
