import type { Test } from 'tap'
import { silentLogger } from '../../lib/log.ts'
import { selfSignedCertificate } from '../../lib/transport/certificate.ts'
import { listenQuic, quicDialer } from '../../lib/transport/quic.ts'
import type { Session } from '../../lib/transport/transport.ts'
import { transportCompliance, type SessionPair } from '../compliance/transport.ts'

const QUIC = { keepaliveMs: 10_000, idleTimeoutMs: 30_000, maxStreams: 100_000 }

async function makePair(_t: Test, datagramBytes: number): Promise<SessionPair> {
  let onSession = (_session: Session): void => {}
  const accepted = new Promise<Session>(resolve => {
    onSession = resolve
  })
  const listener = await listenQuic(
    {
      ...QUIC,
      ...(await selfSignedCertificate()),
      address: { ip: '127.0.0.1', port: 0 },
      datagramBytes,
    },
    { onSession: session => onSession(session), log: silentLogger },
  )
  const dialer = quicDialer({
    ...QUIC,
    host: '127.0.0.1',
    port: listener.address.port,
    connectTimeoutMs: 10_000,
    datagramBytes,
  })
  const client = await dialer.dial()
  const server = await accepted
  void server.closed.then(() => listener.close())
  return { client, server }
}

transportCompliance('quic, probed datagrams', t => makePair(t, 0))
transportCompliance('quic, 1252-byte datagrams', t => makePair(t, 1252))
