import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import { silentLogger } from '../../lib/log.ts'
import type { JoinOptions } from '../../lib/proxy/join.ts'
import { LocalProxy } from '../../lib/proxy/local.ts'
import { deriveKey } from '../../lib/wire/cipher.ts'
import { duplexPair } from '../support/duplex-pair.ts'
import { type ProxyChoice, tcpProxy } from '../client/setup.ts'

const NOBODY = { source: undefined, destination: undefined }
const USER = { ip: '10.0.0.7', port: 4711 }

function localProxy(choice: ProxyChoice): LocalProxy {
  const options = { encryptionKey: deriveKey(''), clock: new ManualClock() }
  return new LocalProxy(tcpProxy(choice), options)
}

/** A local service that tells the first bytes it hears. */
async function service(t: Test): Promise<{ port: number; heard: Promise<string> }> {
  const listener = net.createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(() => listener.close())
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('it does not listen on TCP')
  const heard = once(listener, 'connection').then(async ([socket]) => {
    t.teardown(() => socket.destroy())
    const [chunk] = await once(socket, 'data')
    return String(chunk)
  })
  return { port: address.port, heard }
}

const JOIN: JoinOptions = { halfClose: true, packets: { isReal: true }, log: silentLogger }

t.test('a stream that is gone before the dial is not joined', async t => {
  const [stream] = duplexPair()
  stream.destroy()
  const joining = localProxy({ localPort: 1 }).join(stream, NOBODY, JOIN)
  await t.rejects(joining, { code: 'STREAM_RESET' })
})

t.test('a user who leaves during the dial ends it', async t => {
  const { port } = await service(t)
  const [stream, user] = duplexPair()
  const joining = localProxy({ localPort: port }).join(stream, NOBODY, JOIN)
  user.destroy()
  stream.destroy()
  await t.rejects(joining, { code: 'STREAM_RESET' })
})

t.test('a local service that is down closes the stream', async t => {
  const listener = net.createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  listener.close()
  await once(listener, 'close')
  const [stream] = duplexPair()
  const joining = localProxy({ localPort: port }).join(stream, NOBODY, JOIN)
  await t.rejects(joining, { code: 'LOCAL_SERVICE_DOWN', detail: /127\.0\.0\.1:\d+: .*REFUSED/ })
  t.ok(stream.destroyed)
})

t.test('a missing destination is 127.0.0.1 in the PROXY header', async t => {
  const { port, heard } = await service(t)
  const [stream] = duplexPair()
  const proxy = localProxy({ localPort: port, proxyProtocolVersion: 'v1' })
  await proxy.join(stream, { source: USER, destination: undefined }, JOIN)
  t.equal(await heard, 'PROXY TCP4 10.0.0.7 127.0.0.1 4711 0\r\n')
  stream.destroy()
})

t.test('without a source there is no PROXY header', async t => {
  const { port, heard } = await service(t)
  const [stream, user] = duplexPair()
  const proxy = localProxy({ localPort: port, proxyProtocolVersion: 'v1' })
  await proxy.join(stream, NOBODY, JOIN)
  user.write('payload')
  t.equal(await heard, 'payload')
  stream.destroy()
})
