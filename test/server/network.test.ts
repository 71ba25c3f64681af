// The real listeners: a second server on the same port fails clearly, whichever half is taken.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { createServer } from '../../lib/server/server.ts'
import { configOf } from './scripted-peer.ts'

t.test('a server listens on TCP, and on UDP with the same number', async t => {
  const server = createServer(configOf())
  t.teardown(() => server.close())
  await server.start()
  const { tcp, quic } = server.addresses()
  t.ok(tcp?.port)
  if (quic !== undefined) t.equal(quic.port, tcp?.port)
})

t.test('a second server on the same port fails with ADDRESS_IN_USE', async t => {
  const first = createServer(configOf())
  t.teardown(() => first.close())
  await first.start()
  const bindPort = first.addresses().tcp?.port ?? 0
  const second = createServer(configOf({ bindPort }))
  t.teardown(() => second.close())
  await t.rejects(second.start(), {
    code: 'ADDRESS_IN_USE',
    message: /create server listener error, listen tcp 127\.0\.0\.1:\d+: bind: address already/,
  })
  await new Promise<void>((resolve, reject) => {
    const probe = connect(bindPort, '127.0.0.1', () => resolve(void probe.destroy()))
    probe.on('error', reject)
  })
})

t.test('a foreign program on the UDP port is named as what it is', async t => {
  const socket = createSocket('udp4')
  t.teardown(() => socket.close())
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const quicBindPort = socket.address().port
  const server = createServer(configOf({ quicBindPort }))
  t.teardown(() => server.close())
  const failure = await server.start().catch((error: unknown) => error)
  if (failure === undefined) t.match(server.addresses().quic, undefined, 'no QUIC on this machine')
  else t.match(failure, { code: 'ADDRESS_IN_USE', message: /quic udp address 127\.0\.0\.1/ })
})

t.test('the wildcard address answers IPv4', async t => {
  const server = createServer(configOf({ bindAddr: '0.0.0.0' }))
  t.teardown(() => server.close())
  await server.start()
  const port = server.addresses().tcp?.port ?? 0
  const probe = connect(port, '127.0.0.1')
  await once(probe, 'connect')
  probe.destroy()
})
