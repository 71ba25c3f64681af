import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { silentLogger } from '../../lib/log.ts'
import { selfSignedCertificate } from '../../lib/transport/certificate.ts'
import { listenQuic, quicDialer, quicSupport } from '../../lib/transport/quic.ts'

const support = await quicSupport()
const skip = support === true ? false : `QUIC does not load here: ${support}`
const QUIC = { keepaliveMs: 10_000, idleTimeoutMs: 30_000, maxStreams: 100, datagramBytes: 1252 }

async function listenAt(ip: string, port: number): Promise<unknown> {
  const certificate = await selfSignedCertificate()
  const events = { onSession: () => {}, log: silentLogger }
  return await listenQuic({ ...QUIC, ...certificate, address: { ip, port } }, events)
}

t.test('a UDP port that is taken is ADDRESS_IN_USE', { skip }, async t => {
  const holder = createSocket('udp4')
  t.teardown(() => holder.close())
  holder.bind(0, '127.0.0.1')
  await once(holder, 'listening')
  await t.rejects(listenAt('127.0.0.1', holder.address().port), {
    code: 'ADDRESS_IN_USE',
    message: /bind: address already in use/,
  })
})

t.test('an address of another machine is CONFIG_INVALID and says so', { skip }, async t => {
  // TEST-NET-1 (RFC 5737): nobody has it.
  await t.rejects(listenAt('192.0.2.1', 0), {
    code: 'CONFIG_INVALID',
    message: /udp 192\.0\.2\.1:0: bind: cannot assign requested address/,
  })
})

t.test('a timeout beyond what a timer can count does not end the dial', { skip }, async t => {
  const certificate = await selfSignedCertificate()
  const events = { onSession: () => {}, log: silentLogger }
  const address = { ip: '127.0.0.1', port: 0 }
  const listener = await listenQuic({ ...QUIC, ...certificate, address }, events)
  t.teardown(() => listener.close())
  const { port } = listener.address
  const dialer = quicDialer({ ...QUIC, host: '127.0.0.1', port, connectTimeoutMs: 2 ** 31 })
  t.teardown(() => dialer.close())
  const session = await dialer.dial()
  t.equal(session.remoteAddress.port, port)
})
