// The suite over every form of a TCP link. A proxy of bytes stands between both ends, so that the
// network can vanish.

import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { silentLogger } from '../../lib/log.ts'
import { selfSignedCertificate, type KeyPair } from '../../lib/transport/certificate.ts'
import { listenTcp, tcpDialer } from '../../lib/transport/tcp.ts'
import type { Session } from '../../lib/transport/transport.ts'
import { transportCompliance, type SessionPair } from '../compliance/transport.ts'

interface Form {
  readonly mux: boolean
  readonly tls: boolean
  readonly customFirstByte?: boolean
}

let pair: Promise<KeyPair> | undefined
const serverSessions = new WeakMap<SessionPair, (handler: (session: Session) => void) => void>()

for (const [name, form] of Object.entries<Form>({
  'tcp, TLS, yamux': { mux: true, tls: true },
  'tcp, 0x17, TLS, yamux': { mux: true, tls: true, customFirstByte: true },
  'tcp, yamux': { mux: true, tls: false },
})) {
  transportCompliance(name, t => makePair(t, form))
}

for (const [name, form] of Object.entries<Form>({
  'tcp, TLS': { mux: false, tls: true },
  'tcp, TLS, 0x17': { mux: false, tls: true, customFirstByte: true },
})) {
  transportCompliance(name, t => makePair(t, form), {
    bare: true,
    onServerSession: (made, handler) => serverSessions.get(made)?.(handler),
  })
}

async function makePair(t: Test, form: Form): Promise<SessionPair> {
  pair ??= selfSignedCertificate()
  const waiting: Session[] = []
  let handler: ((session: Session) => void) | undefined
  let resolveFirst: (session: Session) => void = () => {}
  const first = new Promise<Session>(resolve => (resolveFirst = resolve))
  const listener = await listenTcp(
    {
      address: { ip: '127.0.0.1', port: 0 },
      mux: form.mux,
      tls: { ...(await pair), force: false },
    },
    {
      log: silentLogger,
      onSession(session) {
        resolveFirst(session)
        if (handler) handler(session)
        else waiting.push(session)
      },
    },
  )
  const sockets: Socket[] = []
  const relay = createServer({ allowHalfOpen: true, noDelay: true }, near => {
    const far = connect({ host: '127.0.0.1', port: listener.address.port, allowHalfOpen: true })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.push(from)
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
      from.pipe(to)
    }
  })
  await new Promise<void>(resolve => relay.listen(0, '127.0.0.1', resolve))
  const address = relay.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const { customFirstByte = false } = form
  const dialer = tcpDialer({
    host: '127.0.0.1',
    port,
    mux: form.mux,
    ...(form.tls && { tls: { serverName: 'localhost', customFirstByte } }),
  })
  t.teardown(async () => {
    await dialer.close()
    await listener.close()
    relay.close()
    for (const socket of sockets) socket.destroy()
  })
  const client = await dialer.dial()
  const server = await first
  const made: SessionPair = {
    client,
    server,
    vanish() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
  }
  serverSessions.set(made, given => {
    handler = given
    for (const session of waiting.splice(0)) given(session)
  })
  return made
}
