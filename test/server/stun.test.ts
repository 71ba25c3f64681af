// STUN of frps on real sockets: over the UDP port of QUIC, the one beside it, and a session that
// asks for the filter test.

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { Address } from '../../lib/address.ts'
import type { ServerConfig } from '../../lib/config/index.ts'
import { createServer, type Server } from '../../lib/server/server.ts'
import { listenQuic } from '../../lib/transport/quic.ts'
import { decodeStun, encodeStun, type StunMessage } from '../../nat/stun/index.ts'
import { silentLogger } from '../../lib/log.ts'
import { MessageChannel } from '../../lib/wire/channel.ts'
import { StunService } from '../../lib/server/stun.ts'
import { systemClock } from '../../lib/clock.ts'
import { configOf, OURS, Peer, startServer } from './scripted-peer.ts'

const transactionId = Buffer.from('0102030405060708090a0b0c', 'hex')

async function openSocket(t: Test): Promise<Socket> {
  const socket = createSocket('udp4')
  t.teardown(() => socket.close())
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

interface Answer {
  readonly message: StunMessage | undefined
  readonly from: Address
}

function answers(socket: Socket): Answer[] {
  const seen: Answer[] = []
  socket.on('message', (data, { address: ip, port }) => {
    seen.push({ message: decodeStun(data), from: { ip, port } })
  })
  return seen
}

async function until(socket: Socket, claim: () => boolean): Promise<void> {
  while (!claim()) await once(socket, 'message')
}

const request = encodeStun({ kind: 'request', transactionId, padding: 20 })

async function startReal(t: Test, values: Partial<ServerConfig> = {}): Promise<Server | undefined> {
  const server = createServer(configOf(values))
  t.teardown(() => server.close())
  await server.start()
  return server.addresses().quic === undefined ? undefined : server
}

t.test('frps answers STUN on the port of QUIC, and names a second port that answers', async t => {
  const server = await startReal(t)
  const quic = server?.addresses().quic
  if (quic === undefined) return void t.pass('no QUIC on this machine')
  const socket = await openSocket(t)
  const seen = answers(socket)
  socket.send(request, quic.port, '127.0.0.1')
  await until(socket, () => seen.length === 1)
  const { port } = socket.address()
  const other = seen[0]?.message?.other
  t.match(seen[0], { from: { port: quic.port }, message: { mapped: { ip: '127.0.0.1', port } } })
  t.equal(other?.ip, '127.0.0.1')
  socket.send(request, other?.port ?? 0, '127.0.0.1')
  await until(socket, () => seen.length === 2)
  t.match(seen[1], {
    from: { port: other?.port },
    message: { mapped: { port }, other: { ip: '127.0.0.1', port: quic.port } },
  })
})

t.test('garbage beside QUIC is answered by nobody and harms nobody', async t => {
  const server = await startReal(t)
  const quic = server?.addresses().quic
  if (quic === undefined) return void t.pass('no QUIC on this machine')
  const socket = await openSocket(t)
  const seen = answers(socket)
  const cookie = Buffer.from('2112a442', 'hex')
  for (let length = 0; length < 60; length++) {
    const garbage = Buffer.alloc(length, 1)
    if (length >= 8) cookie.copy(garbage, 4)
    socket.send(garbage, quic.port, '127.0.0.1')
  }
  socket.send(request, quic.port, '127.0.0.1')
  await until(socket, () => seen.length > 0)
  t.equal(seen.length, 1)
})

t.test('stunPort = -1 switches it off', async t => {
  const service = new StunService({
    config: configOf({ stunPort: -1 }),
    clock: systemClock,
    log: silentLogger,
  })
  await service.start({ ip: '127.0.0.1', port: 7000 })
  t.equal(service.ports.stun_port, 0)
  t.equal(service.ports.stun_second_port, 0)
  service.handleForeign(request, { ip: '127.0.0.1', port: 9 }, () => t.fail('it answered'))
})

t.test('a second port that is taken is a warning and not the end', async t => {
  const taken = await openSocket(t)
  const stunPort = taken.address().port
  const warnings: string[] = []
  const log = { ...silentLogger, warn: (text: string) => void warnings.push(text) }
  const service = new StunService({ config: configOf({ stunPort }), clock: systemClock, log })
  t.teardown(() => service.close())
  await service.start({ ip: '127.0.0.1', port: 7000 })
  t.match(warnings, [/STUN has one port only.*stunPort = \d+.*address already in use/])
  t.match(service.ports, { stun_port: 7000, stun_second_port: 0 })
})

t.test('a proxy gets the port that STUN took by default, and not one it was told', async t => {
  const free = createSocket('udp4')
  free.bind(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address()
  const open = (stunPort: number): StunService => {
    const config = configOf({ bindPort: port - 1, stunPort })
    const service = new StunService({ config, clock: systemClock, log: silentLogger })
    t.teardown(() => service.close())
    return service
  }
  const byDefault = open(0)
  const told = open(port)
  await new Promise<void>(closed => free.close(closed))
  await byDefault.start({ ip: '127.0.0.1', port: port - 1 })
  t.equal(byDefault.ports.stun_second_port, port)
  t.equal(await byDefault.leave(port + 1), false)
  t.equal(await byDefault.leave(port), true)
  t.not(byDefault.ports.stun_second_port, port)
  t.not(byDefault.ports.stun_second_port, 0)
  await told.start({ ip: '127.0.0.1', port: port - 1 })
  t.equal(told.ports.stun_second_port, port)
  t.equal(await told.leave(port), false)
})

t.test('a session has its transaction answered from ports that it did not ask', async t => {
  const service = new StunService({
    config: configOf({ stunOtherAddr: '127.0.0.2' }),
    clock: systemClock,
    log: silentLogger,
  })
  t.teardown(() => service.close())
  await service.start({ ip: '127.0.0.1', port: 7000 })
  if (service.ports.stun_other_port === 0) return void t.pass('127.0.0.2 is not an address here')
  const socket = await openSocket(t)
  const seen = answers(socket)
  const test = service.test('run', {
    type: 'StunTest',
    transaction_id: transactionId.toString('hex'),
    server_ip: '127.0.0.1',
  })
  // It comes after the wish, as it may.
  const from = { ip: '127.0.0.1', port: socket.address().port }
  service.handleForeign(request, from, () => {})
  t.match(await test, { error: '', from_other_port: true, from_other_ip: true })
  await until(socket, () => seen.length === 2)
  t.strictSame(seen.map(({ from }) => from.ip).sort(), ['127.0.0.1', '127.0.0.2'])
  const known = [service.ports.stun_second_port, 7000]
  t.ok(seen.every(({ from: { ip, port } }) => ip === '127.0.0.2' || !known.includes(port)))
})

t.test('tests of one session are limited, and nonsense is refused', async t => {
  const service = new StunService({ config: configOf(), clock: systemClock, log: silentLogger })
  t.teardown(() => service.close())
  const ask = (id: string): ReturnType<StunService['test']> =>
    service.test('run', { type: 'StunTest', transaction_id: id, server_ip: '' })
  t.match(await ask('00'.repeat(12)), { error: 'STUN is off' })
  await service.start({ ip: '127.0.0.1', port: 7000 })
  t.match(await ask('x'), { error: 'no transaction id' })
  const many = await Promise.all(
    Array.from({ length: 16 }, (_, index) => {
      service.handleForeign(request, { ip: '127.0.0.1', port: 9 }, () => {})
      const id = index === 0 ? 'ff'.repeat(12) : transactionId.toString('hex')
      return ask(id)
    }),
  )
  t.match(many[0], { error: 'the transaction did not come', from_other_port: false })
  t.match(many[1], { error: '', from_other_port: true, from_other_ip: false })
  t.match(many[15], { error: 'too many tests' })
})

t.test('before the login a STUN test ends the session', async t => {
  const server = await startServer()
  t.teardown(() => server.close())
  const stranger = await Peer.connect(server)
  stranger.control.send({ type: 'StunTest', transaction_id: '00'.repeat(12) })
  t.match(await stranger.session.closed, { by: 'remote' })
})

t.test('a client asks on a stream of its session', async t => {
  const server = await startServer()
  t.teardown(() => server.close())
  const peer = await Peer.login(server, OURS)
  // Over memory there is no UDP port.
  t.match(peer.response?.quicfrp, { stun_port: 0, stun_second_port: 0 })
  const channel = new MessageChannel(await peer.session.openStream())
  channel.send({ type: 'StunTest', transaction_id: '00'.repeat(12) })
  t.match(await channel.readExpected('StunTestResp'), { error: 'STUN is off' })
})

t.test('datagrams that are no QUIC come to the owner of the listener, with a way back', async t => {
  const { selfSignedCertificate } = await import('../../lib/transport/certificate.ts')
  const events = {
    onSession() {},
    onForeign: (data: Buffer, _: Address, reply: (answer: Buffer) => void) => {
      reply(Buffer.concat([Buffer.from([0]), data]))
    },
    log: silentLogger,
  }
  const options = {
    ...(await selfSignedCertificate()),
    address: { ip: '127.0.0.1', port: 0 },
    keepaliveMs: 10_000,
    idleTimeoutMs: 30_000,
    maxStreams: 10,
    datagramBytes: 0,
  }
  const listener = await listenQuic(options, events).catch(() => undefined)
  if (listener === undefined) return void t.pass('no QUIC on this machine')
  t.teardown(() => listener.close())
  const socket = await openSocket(t)
  socket.send(Buffer.from([1, 2, 3]), listener.address.port, '127.0.0.1')
  const [data] = await once(socket, 'message')
  t.strictSame(data, Buffer.from([0, 1, 2, 3]))
})
