import t from 'tap'
import { decodeStun, encodeStun } from '../../../nat/stun/codec.ts'
import type { StunMessage } from '../../../nat/stun/message.ts'
import { Responder, type ResponderOutput } from '../../../nat/stun/responder.ts'
import type { Address } from '../../../lib/address.ts'

const ASKER: Address = { ip: '203.0.113.1', port: 40_000 }
const OTHER: Address = { ip: '198.51.100.1', port: 7001 }
const ID = '0102030405060708090a0b0c'

function responder(isKnown: (ip: string) => boolean = () => false): Responder {
  return new Responder({ otherAddress: () => OTHER, isKnown })
}

function request(rest: Partial<StunMessage> = {}): Buffer {
  return encodeStun({ kind: 'request', transactionId: Buffer.from(ID, 'hex'), ...rest })
}

function drain(machine: Responder): ResponderOutput[] {
  const outputs: ResponderOutput[] = []
  for (let output = machine.poll(); output; output = machine.poll()) outputs.push(output)
  return outputs
}

function ask(machine: Responder, data: Buffer, from: Address = ASKER, now = 0): ResponderOutput[] {
  machine.handleDatagram('first', data, from, now)
  return drain(machine)
}

t.test('who asks learns his address and where else to ask', async t => {
  const [answer, ...more] = ask(responder(), request())
  t.match(answer, { socket: 'first', to: ASKER })
  t.match(answer && decodeStun(answer.data), { kind: 'success', mapped: ASKER, other: OTHER })
  t.strictSame(more, [])
})

t.test('an answer has at most 24 bytes more than its request, 48 over IPv6', async t => {
  const six = { ip: '2001:db8::9', port: 9 }
  const machine = new Responder({ otherAddress: (_, { ip }) => (ip.includes(':') ? six : OTHER) })
  t.equal(ask(machine, request())[0]?.data.length, 20 + 24)
  t.equal(ask(machine, request(), six)[0]?.data.length, 20 + 48)
  const change = { ip: true, port: true }
  const refused = ask(machine, request({ change }))[0]?.data.length ?? 0
  t.ok(refused <= request({ change }).length + 24, `${refused} bytes`)
})

t.test('a padded request is answered with no more than it had', async t => {
  const [answer] = ask(responder(), request({ padding: 20 }))
  t.equal(answer?.data.length, request({ padding: 20 }).length)
})

t.test('nobody is answered from where he did not ask: CHANGE-REQUEST is refused', async t => {
  for (const change of [{ ip: true, port: true }, { ip: false, port: true }]) {
    const answers = ask(responder(), request({ change }))
    const sent = answers.map(({ socket, to }) => ({ socket, to }))
    t.strictSame(sent, [{ socket: 'first', to: ASKER }])
    t.match(decodeStun(answers[0]?.data ?? Buffer.alloc(0)), { errorCode: 420, unknown: [3] })
  }
  const nothing = ask(responder(), request({ change: { ip: false, port: false } }))
  t.match(decodeStun(nothing[0]?.data ?? Buffer.alloc(0)), { kind: 'success' })
})

t.test('RESPONSE-PORT, which would send the answer elsewhere, is refused', async t => {
  const data = Buffer.concat([request(), Buffer.from('002700041f900000', 'hex')])
  data.writeUInt16BE(8, 2)
  const [answer] = ask(responder(), data)
  t.strictSame(answer?.to, ASKER)
  t.match(decodeStun(answer?.data ?? Buffer.alloc(0)), { errorCode: 420, unknown: [0x27] })
})

t.test('answers, indications, garbage and port 0 have no answer', async t => {
  const machine = responder()
  const transactionId = Buffer.alloc(12)
  t.strictSame(ask(machine, encodeStun({ kind: 'success', transactionId })), [])
  t.strictSame(ask(machine, encodeStun({ kind: 'indication', transactionId })), [])
  t.strictSame(ask(machine, Buffer.alloc(300)), [])
  t.strictSame(ask(machine, request(), { ...ASKER, port: 0 }), [])
})

t.test('one address has a burst of 64 and then 20 a second, whatever its ports', async t => {
  const machine = responder()
  const count = (now: number, tries: number): number => {
    let answers = 0
    for (let port = 1; port <= tries; port++) {
      answers += ask(machine, request(), { ip: ASKER.ip, port }, now).length
    }
    return answers
  }
  t.equal(count(0, 200), 64)
  t.equal(count(1_000, 200), 20)
  t.equal(ask(machine, request(), { ip: '203.0.113.2', port: 1 }, 1_000).length, 1)
})

t.test('one IPv6 network counts as one address', async t => {
  const machine = responder()
  let answers = 0
  for (let host = 1; host <= 200; host++) {
    answers += ask(machine, request(), { ip: `2001:db8::${host.toString(16)}`, port: 9 }).length
  }
  t.equal(answers, 64)
})

t.test('all strangers together have 2,000 a second, and clients still get theirs', async t => {
  const client = '198.18.0.1'
  const machine = responder(ip => ip === client)
  let answers = 0
  for (let host = 0; host < 5_000; host++) {
    const ip = `203.0.${host >> 8}.${host & 255}`
    answers += ask(machine, request(), { ip, port: 9 }).length
  }
  t.equal(answers, 2_000)
  t.equal(ask(machine, request(), { ip: client, port: 9 }).length, 1)
})

t.test('a filter test is answered from elsewhere, to where the request came from', async t => {
  const machine = responder()
  ask(machine, request())
  machine.requestFilterTest(ID, 500)
  const answers = drain(machine)
  t.strictSame(
    answers.map(({ socket, to, testId }) => ({ socket, to, testId })),
    [
      { socket: 'third', to: ASKER, testId: ID },
      { socket: 'other', to: ASKER, testId: undefined },
    ],
  )
  for (const { data } of answers) t.match(decodeStun(data), { kind: 'success', mapped: ASKER })
})

t.test('a filter test that comes before its request waits for it, once', async t => {
  const machine = responder()
  machine.requestFilterTest(ID, 0)
  t.strictSame(drain(machine), [])
  const sockets = (): string[] => ask(machine, request(), ASKER, 100).map(({ socket }) => socket)
  t.strictSame(sockets().sort(), ['first', 'other', 'third'])
  t.strictSame(sockets(), ['first'])
})

t.test('a transaction is remembered for 2 s', async t => {
  const machine = responder()
  ask(machine, request())
  machine.requestFilterTest(ID, 2_001)
  t.strictSame(drain(machine), [])
  t.strictSame(
    ask(machine, request(), ASKER, 4_002).map(({ socket }) => socket),
    ['first'],
    'and the wish, too',
  )
})

t.test('an unknown transaction is answered to nobody', async t => {
  const machine = responder()
  ask(machine, request())
  machine.requestFilterTest('ff'.repeat(12), 0)
  t.strictSame(drain(machine), [])
})
