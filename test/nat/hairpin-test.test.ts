import t from 'tap'
import { HairpinTest } from '../../nat/hairpin-test.ts'
import type { NatSample } from '../../nat/discovery.ts'
import { decodeStun, type StunMessage } from '../../nat/stun/index.ts'

function sample(socket: number): NatSample {
  return {
    socket,
    localPort: 5000 + socket,
    server: { ip: '198.51.100.1', port: 7000 },
    mapped: { ip: '203.0.113.1', port: 40_000 + socket },
    sentAt: 0,
    at: 30,
  }
}

interface Sent {
  readonly at: number
  readonly socket: number
  readonly port: number
  readonly message: StunMessage
}

function begin(): { test: HairpinTest; run: (now: number) => Sent[] } {
  let next = 0
  const test = new HairpinTest({ random: bytes => Buffer.alloc(bytes, ++next) })
  test.begin(sample(0), sample(3), 100)
  const run = (now: number): Sent[] => {
    const sent: Sent[] = []
    for (let output = test.poll(now); output; output = test.poll(now)) {
      const message = decodeStun(output.data)
      if (message) sent.push({ at: now, socket: output.socket, port: output.to.port, message })
    }
    return sent
  }
  return { test, run }
}

t.test('both send to the outer address of the other, three times', async t => {
  const { test, run } = begin()
  const sent: Sent[] = []
  for (let at = test.deadline(); at !== undefined; at = test.deadline()) sent.push(...run(at))
  t.strictSame(
    sent.map(({ at, socket, port }) => [at, socket, port]),
    [100, 160, 220].flatMap(at => [[at, 0, 40_003], [at, 3, 40_000]]),
  )
  t.equal(test.result, false)
})

t.test('one request that arrives is enough', async t => {
  const { test, run } = begin()
  const [first] = run(100)
  if (first === undefined) throw new Error('nothing was sent')
  t.equal(test.handleMessage(3, first.message), true)
  t.equal(test.result, true)
  t.equal(test.deadline(), undefined)
  t.strictSame(run(160), [])
})

t.test('a request on the wrong socket, an answer or a stranger proves nothing', async t => {
  const { test, run } = begin()
  const [first] = run(100)
  if (first === undefined) throw new Error('nothing was sent')
  t.equal(test.handleMessage(0, first.message), false)
  t.equal(test.handleMessage(3, { ...first.message, kind: 'success' }), false)
  t.equal(test.handleMessage(3, { kind: 'request', transactionId: Buffer.alloc(12, 9) }), false)
  t.equal(test.result, undefined)
})
