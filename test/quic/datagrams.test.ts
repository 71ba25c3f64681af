// Unreliable messages of a QUIC session.

import t, { type Test } from 'tap'
import { silentLogger } from '../../lib/log.ts'
import { selfSignedCertificate } from '../../lib/transport/certificate.ts'
import { listenQuic, quicDialer, quicSupport } from '../../lib/transport/quic.ts'
import type { DatagramChannel, Session } from '../../lib/transport/transport.ts'

const QUIC = { keepaliveMs: 10_000, idleTimeoutMs: 30_000, maxStreams: 100, datagramBytes: 1452 }

const support = await quicSupport()
const skip = support === true ? false : support

async function pair(t: Test): Promise<[DatagramChannel, DatagramChannel, Session]> {
  let onSession = (_session: Session): void => {}
  const accepted = new Promise<Session>(resolve => (onSession = resolve))
  const listener = await listenQuic(
    { ...QUIC, ...(await selfSignedCertificate()), address: { ip: '127.0.0.1', port: 0 } },
    { log: silentLogger, onSession },
  )
  t.teardown(() => listener.close())
  const { port } = listener.address
  const dialer = quicDialer({ ...QUIC, host: '127.0.0.1', port, connectTimeoutMs: 10_000 })
  t.teardown(() => dialer.close())
  const client = await dialer.dial()
  const server = await accepted
  if (!client.datagrams || !server.datagrams) throw new Error('datagrams were not negotiated')
  return [client.datagrams, server.datagrams, client]
}

t.test('a datagram arrives whole and unchanged, in both directions', { skip }, async t => {
  const [client, server] = await pair(t)
  server.onDatagram(payload => server.send(Buffer.concat([Buffer.from('re: '), payload])))
  const answer = new Promise<string>(resolve => client.onDatagram(p => resolve(p.toString())))
  t.ok(client.send(Buffer.from('hello')))
  t.equal(await answer, 're: hello')
})

t.test('the largest payload fits one packet, and one byte more is refused', { skip }, async t => {
  const [client, server] = await pair(t)
  t.ok(client.maxBytes > 1380 && client.maxBytes < 1452, `${client.maxBytes} bytes`)
  const arrived = new Promise<number>(resolve => server.onDatagram(p => resolve(p.length)))
  t.notOk(client.send(Buffer.alloc(client.maxBytes + 1)))
  t.ok(client.send(Buffer.alloc(client.maxBytes)))
  t.equal(await arrived, client.maxBytes)
})

t.test('a full link refuses datagrams, and tells when there is room again', { skip }, async t => {
  const [client, server] = await pair(t)
  let received = 0
  server.onDatagram(() => received++)
  const payload = Buffer.alloc(1000)
  const isWritable = new Promise<void>(resolve => client.onWritable(resolve))
  let sent = 0
  while (sent < 100_000 && client.send(payload)) sent++
  t.ok(sent < 100_000, `refused after ${sent}: the congestion window holds no more`)
  await isWritable
  t.ok(client.send(payload), 'there is room again')
  t.ok(received > 0)
})

t.test('a session that is over takes nothing', { skip }, async t => {
  const [client, , session] = await pair(t)
  await session.close()
  t.notOk(client.send(Buffer.from('too late')))
})
