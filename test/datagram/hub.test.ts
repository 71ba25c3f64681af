import t from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import type { Flow, FlowEnd } from '../../lib/datagram/index.ts'
import { KNOWN, OPEN, UNKNOWN } from '../../lib/datagram/header.ts'
import { TokenBucket } from '../../lib/stream/limit.ts'
import { type HubPair, hubPair, type LinkOptions } from './lossy-link.ts'

const USER = { ip: '203.0.113.9', port: 5_555 }

interface World extends HubPair {
  readonly clock: ManualClock
  /** What the far side got: `port:payload`. */
  readonly got: string[]
  readonly flows: Flow[]
  readonly ends: FlowEnd[]
}

function world(
  options: Partial<LinkOptions> = {},
): World & { open(port?: number): Flow; settle(): void } {
  const clock = new ManualClock()
  const pair = hubPair({ ...options, clock })
  const got: string[] = []
  const flows: Flow[] = []
  const ends: FlowEnd[] = []
  const link = pair.link({
    onFlow: flow => {
      flows.push(flow)
      flow.onPacket(payload => got.push(`${flow.address.port}:${payload.toString()}`))
      flow.onClose(by => ends.push(by))
    },
  })
  return {
    ...pair,
    clock,
    got,
    flows,
    ends,
    open(port = USER.port) {
      const flow = pair.near.openFlow(link, { ...USER, port })
      if (!flow) throw new Error('no flow')
      return flow
    },
    settle: () => clock.advance(1),
  }
}

t.test('the first packet introduces its flow, later ones only number it', async t => {
  const { open, settle, got, nearChannel } = world()
  const flow = open()
  flow.send(Buffer.from('one'))
  t.equal((nearChannel.sent[0]?.[0] ?? 0) & OPEN, OPEN)
  settle()
  flow.send(Buffer.from('two'))
  settle()
  t.strictSame(got, ['5555:one', '5555:two'])
  t.equal(nearChannel.sent[1]?.length, 4 + 3, '4 bytes before the payload')
})

t.test('packets go on introducing the flow until the other side has answered', async t => {
  const { open, clock, got, nearChannel } = world({ delayMs: 50 })
  const flow = open()
  for (let i = 0; i < 3; i++) {
    flow.send(Buffer.from(`${i}`))
    clock.advance(20)
  }
  clock.advance(100)
  flow.send(Buffer.from('3'))
  clock.advance(100)
  t.strictSame(
    nearChannel.sent.map(bytes => (bytes[0] ?? 0) & OPEN),
    [OPEN, OPEN, OPEN, 0],
  )
  t.equal(got.length, 4)
})

t.test('answers go back to the user they are for', async t => {
  const { open, settle, flows } = world()
  const answers: string[] = []
  for (const port of [1, 2, 3]) {
    const flow = open(port)
    flow.onPacket(payload => answers.push(`${port}:${payload.toString()}`))
    flow.send(Buffer.from('?'))
  }
  settle()
  for (const flow of flows) flow.send(Buffer.from(`to ${flow.address.port}`))
  settle()
  t.strictSame(answers, ['1:to 1', '2:to 2', '3:to 3'])
})

t.test('packets of any length arrive whole', async t => {
  const { open, settle, clock } = world()
  const flow = open()
  let echoed: Buffer | undefined
  flow.onPacket(payload => (echoed = Buffer.from(payload)))
  const far = world()
  far.open()
  for (const length of [0, 1, 1_190, 1_200, 1_201, 8_000, 65_507]) {
    const payload = Buffer.alloc(length, length % 251)
    const other = world()
    const received: Buffer[] = []
    const sender = other.open()
    sender.send(Buffer.from('hello'))
    other.settle()
    other.flows[0]?.onPacket(bytes => received.push(Buffer.from(bytes)))
    sender.send(payload)
    other.clock.advance(100)
    t.equal(received.length, 1, `${length} bytes`)
    t.ok(received[0]?.equals(payload))
  }
  flow.send(Buffer.alloc(65_508))
  settle()
  clock.advance(100)
  t.equal(echoed, undefined)
})

t.test('a lost part loses its packet and no other', async t => {
  let packet = 0
  const { open, clock, got } = world({ isLost: () => ++packet === 4 })
  const flow = open()
  flow.send(Buffer.from('hello'))
  clock.advance(10)
  packet = 0
  flow.send(Buffer.alloc(8_000, 'x'))
  clock.advance(10)
  flow.send(Buffer.from('bye'))
  clock.advance(10)
  t.strictSame(got, ['5555:hello', '5555:bye'])
})

t.test('a side that has forgotten a flow is introduced to it again', async t => {
  const { open, settle, got, flows, nearChannel, farChannel } = world()
  const flow = open()
  flow.send(Buffer.from('one'))
  settle()
  // Its word is lost: the near side still believes in the flow.
  farChannel.isFull = true
  flows[0]?.close()
  farChannel.isFull = false
  settle()
  t.notOk(flow.isClosed)
  flow.send(Buffer.from('lost'))
  settle()
  t.equal(farChannel.sent.at(-1)?.[0], UNKNOWN | 1)
  flow.send(Buffer.from('two'))
  settle()
  t.strictSame(got, ['5555:one', '5555:two'])
  t.equal((nearChannel.sent.at(-1)?.[0] ?? 0) & OPEN, OPEN)
})

t.test('a flow that is closed ends at the other side, and its number rests', async t => {
  const { open, settle, flows, ends } = world()
  const flow = open()
  flow.send(Buffer.from('one'))
  settle()
  flow.close()
  flow.send(Buffer.from('late'))
  settle()
  t.strictSame(ends, ['peer'])
  t.ok(flows[0]?.isClosed)
  const next = open(77)
  next.send(Buffer.from('x'))
  settle()
  t.equal(flows[1]?.address.port, 77)
})

t.test('an answer to a flow that the opener has forgotten ends it', async t => {
  const { open, settle, flows, ends, nearChannel } = world()
  const flow = open()
  flow.send(Buffer.from('one'))
  settle()
  nearChannel.isFull = true
  flow.close()
  nearChannel.isFull = false
  flows[0]?.send(Buffer.from('answer'))
  settle()
  settle()
  t.strictSame(ends, ['peer'])
})

t.test('the end of a link ends its flows and no others', async t => {
  const { near, far, settle, ends, flows, open, link } = world()
  const other: FlowEnd[] = []
  const second = link({ onFlow: flow => flow.onClose(by => other.push(by)) })
  open().send(Buffer.from('a'))
  near.openFlow(second, USER)?.send(Buffer.from('b'))
  settle()
  far.removeLink({ ...second, number: 0, isMine: false })
  t.strictSame(ends, [], 'another link of that number is not this one')
  far.close()
  t.strictSame([ends, other], [['link'], ['link']])
  t.ok(flows.every(flow => flow.isClosed))
})

t.test('a refused flow makes no noise', async t => {
  const { near, link, settle, farChannel } = world()
  const nobody = link()
  near.openFlow(nobody, USER)?.send(Buffer.from('x'))
  settle()
  t.equal(farChannel.sent.length, 0)
})

t.test('a flow of an unknown link is dropped', async t => {
  const { near, settle, farChannel, got } = world()
  const mine = { number: 99, isMine: true, redundancy: 0, bucket: undefined } as const
  near.openFlow({ ...mine, handleFlow: () => false }, USER)?.send(Buffer.from('x'))
  settle()
  t.strictSame([got, farChannel.sent], [[], []])
})

t.test('a full link keeps what is new and drops what is old', async t => {
  const { open, settle, clock, got, nearChannel, near } = world()
  const flow = open()
  flow.send(Buffer.from('hello'))
  settle()
  nearChannel.isFull = true
  for (let i = 0; i < 10; i++) {
    flow.send(Buffer.from(`${i}`))
    clock.advance(10)
  }
  nearChannel.open()
  settle()
  t.strictSame(got, ['5555:hello', '5555:5', '5555:6', '5555:7', '5555:8', '5555:9'])
  t.equal(near.dropped, 5)
})

t.test('copies are not sent where packets wait', async t => {
  const clock = new ManualClock()
  const pair = hubPair({ clock })
  const link = pair.link({ redundancy: 3, onFlow: () => {} })
  const flow = pair.near.openFlow(link, USER)
  flow?.send(Buffer.from('hello'))
  clock.advance(1)
  const before = pair.nearChannel.datagrams
  pair.nearChannel.isFull = true
  flow?.send(Buffer.from('waits'))
  clock.advance(15)
  t.equal(pair.nearChannel.datagrams, before)
})

t.test('what is beyond the limit of the link is dropped', async t => {
  const clock = new ManualClock()
  const pair = hubPair({ clock })
  const bucket = new TokenBucket(1_000, 0)
  let bytes = 0
  const link = pair.link({ onFlow: flow => flow.onPacket(payload => (bytes += payload.length)) })
  const limited = { ...link, bucket }
  const flow = pair.near.openFlow(limited, USER)
  for (let i = 0; i < 30; i++) {
    flow?.send(Buffer.alloc(100))
    clock.advance(10)
  }
  t.ok(bytes >= 1_000 && bytes <= 1_300, `${bytes}`)
})

t.test('the answer to an introduction is three bytes', async t => {
  const { open, settle, farChannel } = world()
  open().send(Buffer.from('x'))
  settle()
  t.strictSame([...(farChannel.sent[0] ?? [])], [KNOWN | 1, 0])
})

t.test('junk from the other side changes nothing', async t => {
  const { open, settle, got, nearChannel, clock } = world()
  const flow = open()
  flow.send(Buffer.from('one'))
  settle()
  for (let first = 0; first < 256; first++) {
    nearChannel.send(Buffer.from([first]))
    nearChannel.send(Buffer.from([first, 0xff, 0xff, 0xff, 0xff]))
    nearChannel.send(Buffer.from([first, 0x80, 0x80, 0x80]))
  }
  clock.advance(10)
  flow.send(Buffer.from('two'))
  settle()
  t.strictSame(got, ['5555:one', '5555:two'])
})
