import { duplexPair, type Duplex } from 'node:stream'
import t from 'tap'
import { ManualClock, systemClock } from '../../lib/clock.ts'
import {
  acceptFlowLink,
  beginFlowLink,
  type Flow,
  type FlowLink,
  type FlowLinkOptions,
  openFlowLink,
  receiveFlowLink,
} from '../../lib/datagram/index.ts'
import { memoryPair } from '../../lib/transport/memory.ts'

const USER = { ip: '203.0.113.9', port: 5_555 }

type Choice = Partial<FlowLinkOptions>

async function links(
  near: Choice = {},
  far: Choice = {},
): Promise<{ opened: FlowLink; accepted: FlowLink; streams: [Duplex, Duplex] }> {
  const [client, server] = memoryPair()
  const arrived = new Promise<Duplex>(resolve => server.onStream(resolve))
  const stream = await client.openStream()
  const opening = openFlowLink({ stream, clock: systemClock, ...near })
  const other = await arrived
  const accepted = await acceptFlowLink({ stream: other, clock: systemClock, ...far })
  return { opened: await opening, accepted, streams: [stream, other] }
}

/** Echoes what comes on any flow. */
function echo(link: FlowLink): void {
  link.onFlow(flow => flow.onPacket(payload => flow.send(payload)))
}

function answer(flow: Flow | undefined): Promise<Buffer> {
  return new Promise(resolve => flow?.onPacket(payload => resolve(Buffer.from(payload))))
}

for (const way of ['datagrams', 'frames'] as const) {
  t.test(way, async t => {
    const sessions = memoryPair()
    const [near, far] = way === 'datagrams' ? sessions : [undefined, undefined]

    t.test('packets travel both ways', async t => {
      const { opened, accepted } = await links({ session: near }, { session: far })
      echo(accepted)
      const flow = opened.open(USER)
      for (const length of [1, 100, 9_000, 65_507]) {
        const answered = answer(flow)
        const payload = Buffer.alloc(length, length % 251)
        flow?.send(payload)
        t.ok((await answered).equals(payload), `${length} bytes`)
      }
      opened.close()
    })

    t.test('what is sent before the answer arrives, and what is sent back waits', async t => {
      const [client, server] = memoryPair()
      const arrived = new Promise<Duplex>(resolve => server.onStream(resolve))
      const stream = await client.openStream()
      const clock = systemClock
      const { link: opened, answered } = beginFlowLink({ stream, session: near, clock })
      const flow = opened.open(USER)
      const early = Array.from({ length: 20 }, (_, index) => Buffer.alloc(1_200, index))
      const echoed: Buffer[] = []
      const isLater = new Promise<void>(resolve => {
        flow?.onPacket(packet => {
          echoed.push(Buffer.from(packet))
          if (packet.equals(Buffer.from('later'))) resolve()
        })
      })
      for (const packet of early) flow?.send(packet)
      const other = await arrived
      const { link: accepted, answer: say } = await receiveFlowLink({
        stream: other,
        session: far,
        clock,
      })
      const came: Buffer[] = []
      await new Promise<void>(resolve => {
        accepted.onFlow(flow => {
          flow.onPacket(packet => {
            came.push(Buffer.from(packet))
            flow.send(packet)
            if (came.length === early.length) resolve()
          })
        })
      })
      t.ok(Buffer.concat(came).equals(Buffer.concat(early)))
      say({ idleMs: 7_000 })
      await answered()
      t.equal(opened.peerIdleMs, 7_000)
      flow?.send(Buffer.from('later'))
      await isLater
      t.ok(echoed.length > 10, `${echoed.length} of them came back`)
      t.ok(echoed[0]?.equals(early[0] ?? Buffer.alloc(0)))
      opened.close()
    })

    t.test('both learn what the other one wants', async t => {
      const { opened, accepted } = await links({ session: near }, { session: far, idleMs: 5_000 })
      t.equal(opened.peerIdleMs, 5_000)
      t.equal(accepted.peerIdleMs, undefined)
      opened.close()
    })

    t.test('the end of one end ends the other, with its flows', async t => {
      const { opened, accepted } = await links({ session: near }, { session: far })
      echo(accepted)
      const flow = opened.open(USER)
      const ended = new Promise(resolve => flow?.onClose(resolve))
      accepted.close()
      t.match(await opened.closed, /reset|closed/)
      t.equal(await ended, 'link')
      t.ok(flow?.isClosed)
      t.equal(opened.open(USER), undefined)
    })
  })
}

t.test('two links of one session keep their flows apart', async t => {
  const [near, far] = memoryPair()
  const a = await links({ session: near }, { session: far })
  const b = await links({ session: near }, { session: far })
  a.accepted.onFlow(flow => flow.onPacket(() => flow.send(Buffer.from('a'))))
  b.accepted.onFlow(flow => flow.onPacket(() => flow.send(Buffer.from('b'))))
  const flows = [a.opened.open(USER), b.opened.open(USER)]
  const answers = Promise.all(flows.map(answer))
  for (const flow of flows) flow?.send(Buffer.from('?'))
  t.strictSame((await answers).map(String), ['a', 'b'])
})

t.test('both sides of a session can open links', async t => {
  const [near, far] = memoryPair()
  const a = await links({ session: near }, { session: far })
  const b = await links({ session: far }, { session: near })
  a.accepted.onFlow(flow => flow.onPacket(() => flow.send(Buffer.from('a'))))
  b.accepted.onFlow(flow => flow.onPacket(() => flow.send(Buffer.from('b'))))
  const flows = [a.opened.open(USER), b.opened.open(USER)]
  const answers = Promise.all(flows.map(answer))
  for (const flow of flows) flow?.send(Buffer.from('?'))
  t.strictSame((await answers).map(String), ['a', 'b'])
})

t.test('the end of the session ends its links', async t => {
  const [near, far] = memoryPair()
  const { opened } = await links({ session: near }, { session: far })
  const flow = opened.open(USER)
  await near.close()
  await new Promise(setImmediate)
  t.ok(flow?.isClosed)
})

t.test('a peer that says something else is refused', async t => {
  for (const bytes of [
    Buffer.alloc(10, 0xff),
    Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    Buffer.from([1, 7, 0, 0, 0, 0, 0, 0, 0, 0]),
    Buffer.from([1, 0, 0xff, 0, 0, 0, 0, 0, 0, 0]),
    Buffer.from([1, 0, 0, 0, 0, 9, 0, 0, 0, 0]),
    // Datagrams, which were not agreed on.
    Buffer.from([1, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
  ]) {
    const [ours, theirs] = duplexPair()
    theirs.write(bytes)
    const link = acceptFlowLink({ stream: ours, clock: systemClock })
    await t.rejects(link, { code: 'PROTOCOL_ERROR' })
    t.ok(ours.destroyed)
  }
})

t.test('a peer that says nothing is not waited for without end', async t => {
  const clock = new ManualClock()
  const [ours] = duplexPair()
  const link = openFlowLink({ stream: ours, clock })
  clock.advance(10_000)
  await t.rejects(link, { code: 'TIMED_OUT' })
  const [cut, other] = duplexPair()
  const cutLink = acceptFlowLink({ stream: cut, clock })
  other.end(Buffer.from([1]))
  await t.rejects(cutLink, { code: 'SESSION_CLOSED' })
})

t.test('a frame that is too long ends the link', async t => {
  const { accepted, streams } = await links()
  streams[0].write(Buffer.from([0xff, 0xff, 0xff]))
  t.match(await accepted.closed, /closed/)
})

t.test('a slow stream loses the oldest packets and holds a bounded number of bytes', async t => {
  const { opened, accepted, streams } = await links()
  const got: number[] = []
  const stopped = streams[1]
  stopped.pause()
  const flow = opened.open(USER)
  for (let i = 0; i < 10_000; i++) {
    const payload = Buffer.alloc(1_000)
    payload.writeUInt32BE(i)
    flow?.send(payload)
    if (i % 100 === 0) await new Promise(setImmediate)
  }
  t.ok(streams[0].writableLength < 200_000, `${streams[0].writableLength} bytes wait`)
  const last = new Promise<void>(resolve => {
    accepted.onFlow(flow => {
      flow.onPacket(payload => {
        got.push(payload.readUInt32BE(0))
        if (payload.readUInt32BE(0) === 9_999) resolve()
      })
    })
  })
  stopped.resume()
  await last
  t.ok(got.length < 2_000, `${got.length} packets came`)
})
