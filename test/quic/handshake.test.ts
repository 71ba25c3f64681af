// A handshake takes the flights that it must, and none of them twice.

import t from 'tap'
import { silentLogger } from '../../lib/log.ts'
import { selfSignedCertificate } from '../../lib/transport/certificate.ts'
import { listenQuic, quicDialer, quicSupport } from '../../lib/transport/quic.ts'
import { openUdpRelay } from '../support/udp-relay.ts'

const QUIC = { keepaliveMs: 10_000, idleTimeoutMs: 30_000, maxStreams: 100, datagramBytes: 1252 }
const DIALS = 5
/** Of a long header: form and type (RFC 9000 section 17.2). */
const TYPE_BITS = 0xf0
const INITIAL = 0xc0
const HANDSHAKE = 0xe0

const support = await quicSupport()

t.test('what a server has said in its first datagram it need not say again', {
  skip: support === true ? false : support,
}, async t => {
  const listener = await listenQuic(
    { ...QUIC, ...(await selfSignedCertificate()), address: { ip: '127.0.0.1', port: 0 } },
    { log: silentLogger, onSession: () => {} },
  )
  t.teardown(() => listener.close())
  const seen = { hellos: 0, again: 0 }
  const relay = await openUdpRelay(t, {
    port: listener.address.port,
    onDatagram: (datagram, direction) => {
      const type = datagram.readUInt8(0) & TYPE_BITS
      if (direction === 'up' && type === INITIAL) seen.hellos++
      // Its certificate fits beside its hello: a datagram that begins with it is a second try.
      if (direction === 'down' && type === HANDSHAKE) seen.again++
    },
  })
  const options = { ...QUIC, host: '127.0.0.1', port: relay.port, connectTimeoutMs: 10_000 }
  for (let dial = 0; dial < DIALS; dial++) {
    const dialer = quicDialer(options)
    const session = await dialer.dial()
    await session.close()
    await dialer.close()
  }
  t.ok(seen.hellos >= DIALS, 'the handshakes went this way')
  t.equal(seen.again, 0)
})
