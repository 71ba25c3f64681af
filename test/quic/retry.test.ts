// With many handshakes under way a client must prove its address first, and still gets in.

import { createSocket } from 'node:dgram'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import t from 'tap'
import { silentLogger } from '../../lib/log.ts'
import { selfSignedCertificate } from '../../lib/transport/certificate.ts'
import { listenQuic, quicDialer, quicSupport } from '../../lib/transport/quic.ts'
import { openUdpRelay } from '../support/udp-relay.ts'

const QUIC = { keepaliveMs: 10_000, idleTimeoutMs: 30_000, maxStreams: 100, datagramBytes: 1252 }
/** More than RETRY_ABOVE of strangers.ts, less than what one address may have. */
const STUCK_HANDSHAKES = 40

const RETRY = 0xf0

const support = await quicSupport()

t.test('a client gets in by a Retry while many handshakes are stuck', {
  skip: support === true ? false : support,
}, async t => {
  const listener = await listenQuic(
    {
      ...QUIC,
      ...(await selfSignedCertificate()),
      address: { ip: '127.0.0.1', port: 0 },
    },
    { log: silentLogger, onSession: session => session.onStream(stream => stream.pipe(stream)) },
  )
  t.teardown(() => listener.close())

  // Handshakes get stuck when nobody takes the answers. An Initial packet is bound to its connection
  // ids, so each first flight is recorded from a dial of its own.
  let retries = 0
  const firstFlights: Buffer[] = []
  const relay = await openUdpRelay(t, {
    port: listener.address.port,
    onDatagram: (datagram, direction) => {
      if (direction === 'down' && (datagram.readUInt8(0) & 0xf0) === RETRY) retries++
    },
  })
  const sink = createSocket('udp4').bind(0, '127.0.0.1')
  t.teardown(() => sink.close())
  await once(sink, 'listening')
  const isRecorded = new Promise<void>(resolve =>
    sink.on('message', datagram => {
      if ((datagram.readUInt8(0) & 0x80) === 0 || firstFlights.length >= STUCK_HANDSHAKES) return
      firstFlights.push(Buffer.from(datagram))
      if (firstFlights.length === STUCK_HANDSHAKES) resolve()
    }),
  )
  const dial = (port: number, signal?: AbortSignal): Promise<unknown> =>
    quicDialer({ ...QUIC, host: '127.0.0.1', port, connectTimeoutMs: 10_000 }).dial(
      signal && { signal },
    )
  const giveUp = new AbortController()
  const stuck = Array.from({ length: STUCK_HANDSHAKES }, () =>
    dial(sink.address().port, giveUp.signal).catch(() => undefined),
  )
  await isRecorded
  giveUp.abort()
  await Promise.all(stuck)
  const attacker = createSocket('udp4').bind(0, '127.0.0.1')
  t.teardown(() => attacker.close())
  await once(attacker, 'listening')
  const answered = new Set<string>()
  const isFull = new Promise<void>(resolve =>
    attacker.on('message', datagram => {
      // The answer names the client's connection id.
      answered.add(datagram.toString('hex', 5, 20))
      if (answered.size > 32) resolve()
    }),
  )
  for (const flight of firstFlights) attacker.send(flight, listener.address.port, '127.0.0.1')
  await isFull

  const dialer = quicDialer({
    ...QUIC,
    host: '127.0.0.1',
    port: relay.port,
    connectTimeoutMs: 10_000,
  })
  t.teardown(() => dialer.close())
  const session = await dialer.dial()
  const stream = await session.openStream()
  const payload = randomBytes(1000)
  stream.end(payload)
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(stream, 'end')
  t.strictSame(Buffer.concat(chunks), payload)
  t.ok(retries > 0, 'a Retry was sent')
})
