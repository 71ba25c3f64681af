import t from 'tap'
import { decodeStun } from '../../../nat/stun/codec.ts'
import type { StunMessage } from '../../../nat/stun/message.ts'
import { Transactions, type TransactionOutput } from '../../../nat/stun/transaction.ts'

const SERVER = { ip: '198.51.100.1', port: 3478 }
const MAPPED = { ip: '203.0.113.1', port: 40_000 }

function transactions(): Transactions {
  let next = 0
  return new Transactions({ random: bytes => Buffer.alloc(bytes, ++next) })
}

function drain(machine: Transactions, now: number): TransactionOutput[] {
  const outputs: TransactionOutput[] = []
  for (let output = machine.poll(now); output; output = machine.poll(now)) outputs.push(output)
  return outputs
}

function answer(id: string, rest: Partial<StunMessage> = {}): StunMessage {
  return { kind: 'success', transactionId: Buffer.from(id, 'hex'), mapped: MAPPED, ...rest }
}

t.test('a request is sent at once, and again until the transaction has failed', async t => {
  const machine = transactions()
  const id = machine.start({ socket: 0, to: SERVER }, 1000)
  const sentAt: number[] = []
  let failed: TransactionOutput | undefined
  for (let now: number | undefined = 1000; now !== undefined; now = machine.deadline()) {
    for (const output of drain(machine, now)) {
      if (output.type === 'send') sentAt.push(now)
      else failed = output
    }
  }
  t.strictSame(sentAt, [1000, 1100, 1300, 1700, 2500])
  t.strictSame(failed, { type: 'failed', id, socket: 0, server: SERVER, reason: 'no answer' })
})

t.test('the request is as long as the answer of a server of ours', async t => {
  const machine = transactions()
  machine.start({ socket: 0, to: SERVER }, 0)
  const [sent] = drain(machine, 0)
  t.equal(sent?.type === 'send' && sent.data.length, 44)
  t.match(sent?.type === 'send' && decodeStun(sent.data), { kind: 'request', padding: 20 })
})

t.test('an answer tells both addresses and how long it took', async t => {
  const machine = transactions()
  const id = machine.start({ socket: 3, to: SERVER }, 0)
  drain(machine, 0)
  const other = { ip: '198.51.100.1', port: 3479 }
  t.equal(machine.handleMessage(3, answer(id, { other }), SERVER, 30), true)
  t.strictSame(drain(machine, 30), [
    {
      type: 'answer',
      id,
      socket: 3,
      server: SERVER,
      from: SERVER,
      mapped: MAPPED,
      other,
      rttMs: 30,
      at: 30,
    },
  ])
  t.equal(machine.deadline(), undefined)
  t.equal(machine.handleMessage(3, answer(id), SERVER, 31), false, 'a second answer is late')
})

t.test('an answer from elsewhere, on another socket or of another id is none', async t => {
  const machine = transactions()
  const id = machine.start({ socket: 0, to: SERVER }, 0)
  t.equal(machine.handleMessage(0, answer(id), { ...SERVER, port: 3479 }, 1), false)
  t.equal(machine.handleMessage(0, answer(id), { ...SERVER, ip: '198.51.100.9' }, 1), false)
  t.equal(machine.handleMessage(1, answer(id), SERVER, 1), false)
  t.equal(machine.handleMessage(0, answer('ff'.repeat(12)), SERVER, 1), false)
  t.equal(machine.handleMessage(0, { ...answer(id), kind: 'request' }, SERVER, 1), false)
  t.equal(machine.isOpen(id), true)
})

t.test('an IPv6 server is known however its address is written', async t => {
  const machine = transactions()
  const id = machine.start({ socket: 0, to: { ip: '2001:db8::1', port: 1 } }, 0)
  t.equal(machine.handleMessage(0, answer(id), { ip: '2001:db8:0:0:0:0:0:1', port: 1 }, 1), true)
})

t.test('after a CHANGE-REQUEST the answer may come from anywhere', async t => {
  const machine = transactions()
  const id = machine.start({ socket: 0, to: SERVER, change: { ip: true, port: true } }, 0)
  const elsewhere = { ip: '198.51.100.2', port: 9 }
  t.equal(machine.handleMessage(0, answer(id), elsewhere, 5), true)
  t.match(drain(machine, 5), [{ type: 'answer', from: elsewhere }])
})

t.test('an error of the server is told with its code', async t => {
  const machine = transactions()
  const id = machine.start({ socket: 0, to: SERVER }, 0)
  const { mapped: _, ...rest } = answer(id)
  machine.handleMessage(0, { ...rest, kind: 'error', errorCode: 420 }, SERVER, 1)
  t.match(drain(machine, 1), [{ type: 'failed', reason: 'the server answered with error 420' }])
})

t.test('a success without an address is no answer', async t => {
  const machine = transactions()
  const id = machine.start({ socket: 0, to: SERVER }, 0)
  const { mapped: _, ...rest } = answer(id)
  t.equal(machine.handleMessage(0, rest, SERVER, 1), false)
})

t.test('transactions go side by side, and one that is cancelled says nothing more', async t => {
  const machine = transactions()
  const first = machine.start({ socket: 0, to: SERVER }, 0)
  const second = machine.start({ socket: 0, to: { ...SERVER, port: 3479 } }, 50)
  t.equal(drain(machine, 50).length, 2)
  t.equal(machine.deadline(), 150)
  machine.cancel(first)
  t.strictSame(
    drain(machine, 150).map(output => output.type === 'send' && output.id),
    [second],
  )
})
