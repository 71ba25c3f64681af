import t from 'tap'
import type { Address } from '../../lib/address.ts'
import { ManualClock } from '../../lib/clock.ts'
import type { Flow, FlowEnd, FlowLink } from '../../lib/datagram/index.ts'
import { UserFlows } from '../../lib/proxy/user-flows.ts'

const ALICE: Address = { ip: '192.0.2.1', port: 1 }
const BOB: Address = { ip: '192.0.2.2', port: 2 }

class FakeFlow implements Flow {
  readonly address: Address
  readonly sent: string[] = []
  isClosed: boolean = false
  handlePacket: (payload: Buffer) => void = () => {}
  handleClose: (by: FlowEnd) => void = () => {}

  constructor(address: Address) {
    this.address = address
  }

  send(payload: Buffer): void {
    this.sent.push(payload.toString())
  }

  onPacket(handler: (payload: Buffer) => void): void {
    this.handlePacket = handler
  }

  onClose(handler: (by: FlowEnd) => void): void {
    this.handleClose = handler
  }

  close(): void {
    this.isClosed = true
  }
}

class FakeLink implements FlowLink {
  readonly peerIdleMs: number | undefined
  readonly flows: FakeFlow[] = []
  readonly closed: Promise<string>
  #settle: (reason: string) => void = () => {}

  constructor(peerIdleMs?: number) {
    this.peerIdleMs = peerIdleMs
    this.closed = new Promise(resolve => (this.#settle = resolve))
  }

  open(address: Address): Flow {
    const flow = new FakeFlow(address)
    this.flows.push(flow)
    return flow
  }

  onFlow(): void {}

  close(): void {
    for (const flow of this.flows) flow.handleClose('link')
    this.#settle('closed')
  }
}

function setUp(maxUsers = 100): { clock: ManualClock; flows: UserFlows; answers: string[] } {
  const clock = new ManualClock()
  const answers: string[] = []
  const flows = new UserFlows({
    limits: { maxUsers, maxPerIp: maxUsers },
    clock,
    answer: (payload, to) => answers.push(`${payload.toString()} to ${to.ip}`),
  })
  return { clock, flows, answers }
}

t.test('each user has one flow, and gets what comes on it', async t => {
  const { flows, answers } = setUp()
  const link = new FakeLink(30_000)
  void flows.use(link)
  for (const text of ['1', '2']) flows.handlePacket(Buffer.from(text), ALICE)
  flows.handlePacket(Buffer.from('3'), BOB)
  t.strictSame(
    link.flows.map(({ address, sent }) => [address, sent]),
    [
      [ALICE, ['1', '2']],
      [BOB, ['3']],
    ],
  )
  link.flows[1]?.handlePacket(Buffer.from('hello'))
  t.strictSame(answers, ['hello to 192.0.2.2'])
})

t.test('packets from before the link are sent when it is there', async t => {
  const { flows } = setUp()
  t.ok(flows.handlePacket(Buffer.from('early'), ALICE))
  t.notOk(flows.hasLink)
  const link = new FakeLink()
  void flows.use(link)
  t.ok(flows.hasLink)
  t.strictSame(link.flows[0]?.sent, ['early'])
})

t.test('a user whose flow was closed by the other end gets another one', async t => {
  const { flows } = setUp()
  const link = new FakeLink()
  void flows.use(link)
  flows.handlePacket(Buffer.from('1'), ALICE)
  link.flows[0]?.handleClose('peer')
  flows.handlePacket(Buffer.from('2'), ALICE)
  t.strictSame(
    link.flows.map(({ sent }) => sent),
    [['1'], ['2']],
  )
})

t.test('a link that is over is told, and the next one carries the same users', async t => {
  const { flows } = setUp()
  const link = new FakeLink()
  const used = flows.use(link)
  flows.handlePacket(Buffer.from('1'), ALICE)
  link.close()
  t.equal(await used, 'closed')
  t.notOk(flows.hasLink)
  const next = new FakeLink()
  void flows.use(next)
  flows.handlePacket(Buffer.from('2'), ALICE)
  t.strictSame(next.flows[0]?.sent, ['2'])
})

for (const [peer, idleMs, forgottenAfterMs] of [
  ['ours', 30_000, 40_000],
  ['a real frp', undefined, 60_000],
] as const) {
  t.test(`towards ${peer} a silent user is forgotten after ${forgottenAfterMs} ms`, async t => {
    const { clock, flows } = setUp()
    const link = new FakeLink(idleMs)
    void flows.use(link)
    flows.handlePacket(Buffer.from('1'), ALICE)
    clock.advance(forgottenAfterMs - 1)
    t.notOk(link.flows[0]?.isClosed)
    clock.advance(1_000)
    t.ok(link.flows[0]?.isClosed)
  })
}

t.test('who finds no place is told apart; who is pushed out loses his flow', async t => {
  const { flows } = setUp(1)
  const link = new FakeLink()
  void flows.use(link)
  t.ok(flows.handlePacket(Buffer.from('1'), ALICE))
  t.ok(flows.handlePacket(Buffer.from('2'), BOB), 'she has never answered an answer')
  t.ok(link.flows[0]?.isClosed)
  link.flows[1]?.handlePacket(Buffer.from('hello'))
  flows.handlePacket(Buffer.from('3'), BOB)
  t.notOk(flows.handlePacket(Buffer.from('4'), ALICE))
})

t.test('once it is closed nobody is let in, and a late link is ended', async t => {
  const { clock, flows } = setUp()
  flows.handlePacket(Buffer.from('1'), ALICE)
  flows.close()
  t.notOk(flows.handlePacket(Buffer.from('2'), BOB))
  t.equal(await flows.use(new FakeLink()), 'closed')
  t.notOk(flows.hasLink)
  clock.advance(100_000)
})
