import t from 'tap'
import { FilterTest, type FilterTestOutput } from '../../nat/filter-test.ts'
import { decodeStun, type StunMessage } from '../../nat/stun/index.ts'

const SERVER = { ip: '198.51.100.1', port: 7000 }
const THIRD = { ip: '198.51.100.1', port: 50_000 }
const OTHER = { ip: '198.51.100.2', port: 7002 }
const MAPPED = { ip: '203.0.113.1', port: 40_000 }
const BOTH = { fromOtherPort: true, fromOtherIp: true }

function begin({ hasFilterTest = true } = {}): FilterTest {
  let next = 0
  const random = (bytes: number): Uint8Array => Buffer.alloc(bytes, ++next)
  const test = new FilterTest({ random, server: { address: SERVER, hasFilterTest } })
  test.begin(5, 0)
  return test
}

function drain(test: FilterTest, now: number): FilterTestOutput[] {
  const outputs: FilterTestOutput[] = []
  for (let output = test.poll(now); output; output = test.poll(now)) outputs.push(output)
  return outputs
}

/** Lets time pass without any datagram; when it ended. */
function runToEnd(test: FilterTest, from: number): number {
  let now = from
  for (let at = test.deadline(); at !== undefined; at = test.deadline()) {
    now = Math.max(now, at)
    drain(test, now)
  }
  return now
}

function answer(id: Uint8Array, rest: Partial<StunMessage> = {}): StunMessage {
  return { kind: 'success', transactionId: id, mapped: MAPPED, ...rest }
}

const FIRST_ID = Buffer.alloc(12, 1)

t.test('the request and the wish go out together, and the wish three times', async t => {
  const test = begin()
  t.match(drain(test, 0), [
    { type: 'send', socket: 5, to: SERVER },
    { type: 'ask-filter-test', transactionId: FIRST_ID.toString('hex') },
  ])
  const asked = [100, 150, 200, 300, 350].filter(now =>
    drain(test, now).some(({ type }) => type === 'ask-filter-test'),
  )
  t.strictSame(asked, [150, 300])
})

t.test('an answer from the other address ends it', async t => {
  const test = begin()
  drain(test, 0)
  t.equal(test.handleMessage(5, answer(FIRST_ID), OTHER, 30), true)
  drain(test, 30)
  t.equal(test.deadline(), undefined)
  t.equal(test.evidence().otherIp, true)
})

t.test('an answer from the other port is waited out for the other address', async t => {
  const test = begin()
  drain(test, 0)
  test.handleMessage(5, answer(FIRST_ID), THIRD, 30)
  test.handleReply(BOTH, 30)
  for (const now of [150, 300]) {
    drain(test, now)
    test.handleReply(BOTH, now + 30)
  }
  t.equal(runToEnd(test, 330), 530)
  t.strictSame(test.evidence(), { otherPort: true, otherIp: false })
})

t.test('a server with one address says so, and then the other port is enough', async t => {
  const test = begin()
  drain(test, 0)
  test.handleReply({ fromOtherPort: true, fromOtherIp: false }, 30)
  test.handleMessage(5, answer(FIRST_ID), THIRD, 31)
  drain(test, 31)
  t.equal(test.deadline(), undefined)
  t.strictSame(test.evidence(), { otherPort: true, otherIp: undefined })
})

t.test('silence after frps has sent is a closed filter; silence of frps is nothing', async t => {
  const closed = begin()
  for (const now of [0, 150, 300]) {
    drain(closed, now)
    closed.handleReply(BOTH, now)
  }
  t.equal(runToEnd(closed, 300), 500)
  t.strictSame(closed.evidence(), { otherPort: false, otherIp: false })
  const unheard = begin()
  t.equal(runToEnd(unheard, 0), 2_000)
  t.strictSame(unheard.evidence(), { otherPort: undefined, otherIp: undefined })
})

t.test('a server that cannot do it ends the test', async t => {
  const test = begin()
  drain(test, 0)
  test.handleReply(undefined, 5)
  drain(test, 5)
  t.equal(test.deadline(), undefined)
  t.strictSame(test.evidence(), { otherPort: undefined, otherIp: undefined })
})

t.test('an answer of another transaction, or on another socket, proves nothing', async t => {
  const test = begin()
  drain(test, 0)
  t.equal(test.handleMessage(5, answer(Buffer.alloc(12, 9)), OTHER, 1), false)
  t.equal(test.handleMessage(0, answer(FIRST_ID), OTHER, 1), false)
  t.equal(test.handleMessage(5, { ...answer(FIRST_ID), kind: 'request' }, OTHER, 1), false)
  t.equal(test.evidence().otherIp, undefined)
})

t.test('a foreign server is asked with CHANGE-REQUEST', async t => {
  const test = begin({ hasFilterTest: false })
  const wishes = drain(test, 0).map(output =>
    output.type === 'send' ? decodeStun(output.data)?.change : output.type,
  )
  t.strictSame(wishes, [undefined, { ip: true, port: true }, { ip: false, port: true }])
  test.handleMessage(5, answer(FIRST_ID, { other: { ...OTHER, port: 3479 } }), SERVER, 30)
  test.handleMessage(5, answer(Buffer.alloc(12, 3)), THIRD, 30)
  t.equal(runToEnd(test, 30), 550)
  t.strictSame(test.evidence(), { otherPort: true, otherIp: false })
})

t.test('what a foreign server has no address for does not count as filtered', async t => {
  const test = begin({ hasFilterTest: false })
  drain(test, 0)
  test.handleMessage(5, answer(FIRST_ID), SERVER, 30)
  runToEnd(test, 30)
  t.strictSame(test.evidence(), { otherPort: undefined, otherIp: undefined })
})

t.test('who ignores CHANGE-REQUEST and answers from the same place proves nothing', async t => {
  const test = begin({ hasFilterTest: false })
  drain(test, 0)
  for (const id of [1, 2, 3]) test.handleMessage(5, answer(Buffer.alloc(12, id)), SERVER, 30)
  drain(test, 30)
  t.equal(test.deadline(), undefined)
  t.strictSame(test.evidence(), { otherPort: undefined, otherIp: undefined })
})
