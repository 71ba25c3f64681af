// The Duplex over real sockets.

import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { Address } from '../../lib/address.ts'
import { systemClock } from '../../lib/clock.ts'
import { KcpStream } from '../../lib/kcp/index.ts'
import { openUdpSocket, type UdpSocket } from '../../lib/udp/index.ts'
import { seededRandom } from '../support/random.ts'
import { DATAGRAMS, MESSAGES } from './from-kcp-go.ts'

const ANY: Address = { ip: '127.0.0.1', port: 0 }

function streamOn(t: Test, socket: UdpSocket, remotes: readonly Address[]): KcpStream {
  const windows = { conv: 1, sendWindow: 1_024, receiveWindow: 1_024 }
  const stream = new KcpStream({ socket, remotes, clock: systemClock, ...windows })
  stream.on('error', () => {})
  t.teardown(() => stream.destroy())
  return stream
}

/** One that takes everything and hears nothing. */
function fakeSocket(choice: Partial<UdpSocket>): UdpSocket {
  return {
    address: ANY,
    isUnfragmented: true,
    maxBurstBytes: 65_507,
    maxSegments: 64,
    onWritable: undefined,
    send: () => 'sent',
    start: () => {},
    close: () => Promise.resolve(),
    ...choice,
  }
}

async function pair(t: Test): Promise<[KcpStream, KcpStream]> {
  const [one, other] = await Promise.all([openUdpSocket(ANY), openUdpSocket(ANY)])
  return [streamOn(t, one, [other.address]), streamOn(t, other, [one.address])]
}

t.test('end() waits until the peer has everything', async t => {
  const [near, far] = await pair(t)
  const bytes = seededRandom(1).bytes(3 << 20)
  near.end(bytes)
  const chunks: Buffer[] = []
  far.on('data', (chunk: Buffer) => chunks.push(chunk))
  near.resume()
  await once(near, 'close')
  t.ok(Buffer.concat(chunks).equals(bytes))
})

t.test('the address that answers first is the peer, among those that were given', async t => {
  const sockets = await Promise.all([1, 2, 3].map(() => openUdpSocket(ANY)))
  const [mine, stranger, peer] = sockets
  if (mine === undefined || stranger === undefined || peer === undefined) return
  const nobody: Address = { ip: '127.0.0.1', port: 9 }
  const stream = streamOn(t, mine, [nobody, peer.address])
  const answer = streamOn(t, peer, [mine.address])
  stream.write('hello')
  t.equal(String((await once(answer, 'data'))[0]), 'hello')
  await stream.heard
  t.match(stream.remote, peer.address)
  // From now on others are not listened to.
  const heard: unknown[] = []
  stream.on('data', chunk => heard.push(chunk))
  for (const datagram of DATAGRAMS) stranger.send(datagram, datagram.length, mine.address)
  answer.write('world')
  await once(stream, 'data')
  t.equal(heard.map(String).join(''), 'world')
  await stranger.close()
})

t.test('datagrams come glued, with their size known or not', async t => {
  for (const size of [undefined, 41]) {
    const handlers: ((data: Buffer, size?: number) => void)[] = []
    const remote: Address = { ip: '192.0.2.1', port: 1 }
    const socket = fakeSocket({
      start: handler => {
        handlers.push((data, segmentBytes) => {
          handler.onDatagram(data, remote, segmentBytes)
          handler.onBatchEnd()
        })
      },
    })
    const stream = streamOn(t, socket, [remote])
    const received = once(stream, 'data')
    // A size that is known is that of all but the last.
    const given = size === undefined ? DATAGRAMS : DATAGRAMS.slice(0, 1)
    handlers[0]?.(Buffer.concat(given), size)
    const expected = size === undefined ? MESSAGES : 'message 0'
    t.equal(String((await received)[0]), expected)
  }
})

t.test('what the system does not take is sent when it does', async t => {
  const sent: Buffer[] = []
  let isFull = true
  const socket = fakeSocket({
    send: burst => {
      if (isFull) return 'blocked'
      sent.push(Buffer.from(burst))
      return 'sent'
    },
  })
  const stream = streamOn(t, socket, [ANY])
  stream.write('hello')
  t.equal(sent.length, 0)
  isFull = false
  socket.onWritable?.()
  t.equal(String(sent[0]?.subarray(32)), 'hello')
})
