// One UDP port for STUN, probes and all peers: what comes in is told apart.

import { once } from 'node:events'
import { createSocket, type Socket } from 'node:dgram'
import t, { type Test } from 'tap'
import type { Address } from '../../lib/address.ts'
import { type PathReceiver, PeerPort } from '../../lib/peer/port.ts'

async function openPort(t: Test): Promise<{ readonly port: PeerPort; readonly to: Address }> {
  const port = await PeerPort.open()
  t.teardown(() => port.close())
  return { port, to: { ip: '127.0.0.1', port: port.address.port } }
}

async function openRemote(t: Test): Promise<{ readonly socket: Socket; readonly at: Address }> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return { socket, at: { ip: '127.0.0.1', port: socket.address().port } }
}

/** Knows what begins as one of `beginnings` does. */
function receiver(
  ...beginnings: readonly string[]
): PathReceiver & { readonly seen: string[]; next(): Promise<void> } {
  const seen: string[] = []
  let wake = (): void => {}
  return {
    seen,
    knows: data => beginnings.some(text => data.toString('latin1').startsWith(text)),
    deliver: data => {
      seen.push(data.toString('latin1'))
      wake()
    },
    endBatch() {},
    onWritable() {},
    next: () => new Promise(resolve => (wake = resolve)),
  }
}

function stun(marker: number): Buffer {
  const data = Buffer.alloc(20)
  data.writeUInt16BE(0x0001, 0)
  data.writeUInt32BE(0x2112a442, 4)
  data.writeUInt8(marker, 8)
  return data
}

t.test('datagrams go to who is bound to their sender, STUN to the listeners', async t => {
  const { port, to } = await openPort(t)
  const [one, other] = [await openRemote(t), await openRemote(t)]
  const [first, second] = [receiver(), receiver()]
  port.bind(0, one.at, first)
  port.bind(0, other.at, second)
  const heard: number[] = []
  port.listen((socket, data, from) => {
    heard.push(data.readUInt8(8))
    t.equal(socket, 0)
    t.equal(from.port, one.at.port)
    return true
  })
  const done = [first.next(), second.next()]
  one.socket.send(stun(9), to.port, to.ip)
  one.socket.send('from one', to.port, to.ip)
  other.socket.send('from other', to.port, to.ip)
  await Promise.all(done)
  t.strictSame(first.seen, ['from one'])
  t.strictSame(second.seen, ['from other'])
  t.strictSame(heard, [9])
})

t.test('a stranger is not delivered to anybody', async t => {
  const { port, to } = await openPort(t)
  const [known, stranger] = [await openRemote(t), await openRemote(t)]
  const peer = receiver()
  port.bind(0, known.at, peer)
  stranger.socket.send('let me in', to.port, to.ip)
  const first = peer.next()
  known.socket.send('hello', to.port, to.ip)
  await first
  t.strictSame(peer.seen, ['hello'])
  port.unbind(0, known.at, peer)
  const again = receiver()
  port.bind(0, stranger.at, again)
  const next = again.next()
  known.socket.send('still me', to.port, to.ip)
  stranger.socket.send('now I am', to.port, to.ip)
  await next
  t.strictSame(again.seen, ['now I am'])
  t.strictSame(peer.seen, ['hello'], 'who is not bound any more gets nothing')
})

t.test('of several connections between the same two ports, each gets what names it', async t => {
  const { port, to } = await openPort(t)
  const remote = await openRemote(t)
  const [one, other] = [receiver('1', 'any'), receiver('2', 'any')]
  port.bind(0, remote.at, one)
  remote.socket.send('not named', to.port, to.ip)
  await one.next()
  port.bind(0, remote.at, other)
  const both = [one.next(), other.next()]
  for (const text of ['1 one', 'nobody', '2 other']) remote.socket.send(text, to.port, to.ip)
  await Promise.all(both)
  const everybody = [one.next(), other.next()]
  remote.socket.send('any', to.port, to.ip)
  await Promise.all(everybody)
  port.unbind(0, remote.at, one)
  const last = other.next()
  remote.socket.send('alone again', to.port, to.ip)
  await last
  t.strictSame(one.seen, ['not named', '1 one', 'any'])
  t.strictSame(other.seen, ['2 other', 'any', 'alone again'])
})

t.test('an extra socket sends from a port of its own and receives what comes there', async t => {
  const { port, to } = await openPort(t)
  const remote = await openRemote(t)
  const [extra = -1] = await port.openExtra(1)
  const peer = receiver()
  port.bind(extra, remote.at, peer)
  const asked = once(remote.socket, 'message')
  t.equal(port.send(extra, Buffer.from('ping'), remote.at), 'sent')
  const [, from] = await asked
  t.not(from.port, to.port)
  const answered = peer.next()
  remote.socket.send('pong', from.port, '127.0.0.1')
  await answered
  t.strictSame(peer.seen, ['pong'])
  port.closeExtra([extra, 0])
  t.equal(port.send(extra, Buffer.from('ping'), remote.at), 'failed')
  t.equal(port.send(0, Buffer.from('ping'), remote.at), 'sent', 'the port itself stays open')
})

t.test('a datagram with a short TTL still reaches this machine', async t => {
  const { port } = await openPort(t)
  const remote = await openRemote(t)
  const heard = once(remote.socket, 'message')
  const result = port.send(0, Buffer.from('near'), remote.at, 1)
  if (result === 'failed') {
    t.pass('this system cannot set it for one datagram')
    return
  }
  const [data] = await heard
  t.equal(String(data), 'near')
  const after = once(remote.socket, 'message')
  port.send(0, Buffer.from('far'), remote.at)
  t.equal(String((await after)[0]), 'far')
})
