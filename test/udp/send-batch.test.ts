import t from 'tap'
import type { Address } from '../../lib/address.ts'
import { type BatchedSocket, SendBatch } from '../../lib/udp/send-batch.ts'
import { AF_INET, nameOf } from '../../lib/udp/sockaddr.ts'
import { FakeKernel } from './fake-libc.ts'

const ALICE: Address = { ip: '192.0.2.1', port: 5000 }
const BOB: Address = { ip: '192.0.2.2', port: 5000 }

class TestSocket implements BatchedSocket {
  readonly fd: number
  readonly family = AF_INET
  readonly full: { text: string; segmentBytes: number; to: Address | undefined }[] = []
  readonly refused: string[] = []

  constructor(fd: number) {
    this.fd = fd
  }

  handleFull(bytes: Buffer, segmentBytes: number, to: Address | undefined): void {
    this.full.push({ text: bytes.toString('latin1'), segmentBytes, to })
  }

  handleRefused(code: string): void {
    this.refused.push(code)
  }
}

function setUp(): { kernel: FakeKernel; batch: SendBatch; socket: TestSocket } {
  const kernel = new FakeKernel()
  return { kernel, batch: new SendBatch(kernel.libc()), socket: new TestSocket(7) }
}

t.test('equal packets in a row to one address are one run, the last may be shorter', async t => {
  const { kernel, batch, socket } = setUp()
  for (const text of ['aaaa', 'bbbb', 'cc', 'dddd']) batch.push(socket, Buffer.from(text), ALICE)
  batch.flush()
  t.strictSame(
    kernel.sent.map(({ datagrams }) => datagrams),
    [['aaaa', 'bbbb', 'cc'], ['dddd']],
  )
  t.equal(kernel.calls, 1)
  t.equal(kernel.sent[0]?.name, nameOf(ALICE, AF_INET))
})

t.test('another address and a longer packet begin a run of their own, in order', async t => {
  const { kernel, batch, socket } = setUp()
  batch.push(socket, Buffer.from('a1'), ALICE)
  batch.push(socket, Buffer.from('b1'), BOB)
  batch.push(socket, Buffer.from('a2'), ALICE)
  batch.push(socket, Buffer.from('a2 and more'), ALICE)
  batch.flush()
  t.strictSame(
    kernel.sent.map(({ name, datagrams }) => [name === nameOf(ALICE, AF_INET), ...datagrams]),
    [
      [true, 'a1'],
      [false, 'b1'],
      [true, 'a2'],
      [true, 'a2 and more'],
    ],
  )
})

t.test('an empty packet and a large one leave as they are', async t => {
  const { kernel, batch, socket } = setUp()
  const large = 'x'.repeat(1_400)
  for (const text of ['', '', large, large]) batch.push(socket, Buffer.from(text), ALICE)
  batch.flush()
  t.strictSame(
    kernel.sent.map(({ datagrams }) => datagrams),
    [[''], [''], [large], [large]],
  )
})

t.test('the packets of one socket leave before those of the next', async t => {
  const { kernel, batch, socket } = setUp()
  batch.push(socket, Buffer.from('one'), undefined)
  batch.push(new TestSocket(8), Buffer.from('two'), undefined)
  t.strictSame(kernel.sent, [{ fd: 7, name: '', datagrams: ['one'] }])
  batch.flush()
  t.strictSame(kernel.sent[1], { fd: 8, name: '', datagrams: ['two'] })
})

t.test('more than fits leaves early and nothing is left out', async t => {
  const { kernel, batch, socket } = setUp()
  const texts = Array.from({ length: 1_000 }, (_, index) => `${index} `.repeat(1 + (index % 300)))
  for (const text of texts) batch.push(socket, Buffer.from(text), ALICE)
  batch.push(socket, Buffer.alloc(65_507, 'z'), BOB)
  batch.push(socket, Buffer.alloc(65_507, 'y'), BOB)
  batch.flush()
  const all = kernel.sent.flatMap(({ datagrams }) => datagrams)
  t.strictSame(all.slice(0, 1_000), texts)
  t.strictSame(
    all.slice(1_000).map(text => text.length),
    [65_507, 65_507],
  )
})

t.test('what was pushed leaves at the end of the turn by itself', async t => {
  const { kernel, batch, socket } = setUp()
  batch.push(socket, Buffer.from('one'), ALICE)
  await new Promise(resolve => setImmediate(resolve))
  t.equal(kernel.sent.length, 1)
})

t.test('a kernel that refuses glued packets gets them one by one from then on', async t => {
  for (const code of ['EINVAL', 'EIO', 'EMSGSIZE']) {
    const { kernel, batch, socket } = setUp()
    kernel.answers.push(code)
    for (const text of ['aa', 'bb', 'c']) batch.push(socket, Buffer.from(text), ALICE)
    batch.flush()
    for (const text of ['dd', 'ee']) batch.push(socket, Buffer.from(text), ALICE)
    batch.flush()
    t.strictSame(
      kernel.sent.map(({ datagrams }) => datagrams),
      [['aa'], ['bb'], ['c'], ['dd'], ['ee']],
      code,
    )
  }
})

t.test('a full buffer is told with the packets, and the next ones are tried', async t => {
  const { kernel, batch, socket } = setUp()
  kernel.answers.push(1, 'EAGAIN')
  batch.push(socket, Buffer.from('a1'), ALICE)
  for (const text of ['b1', 'b2']) batch.push(socket, Buffer.from(text), BOB)
  batch.push(socket, Buffer.from('a2'), ALICE)
  batch.flush()
  t.strictSame(socket.full, [{ text: 'b1b2', segmentBytes: 2, to: BOB }])
  t.strictSame(
    kernel.sent.map(({ datagrams }) => datagrams),
    [['a1'], ['a2']],
  )
})

t.test('an old refusal is told once, and the packet goes out all the same', async t => {
  const { kernel, batch, socket } = setUp()
  kernel.answers.push('ECONNREFUSED')
  batch.push(socket, Buffer.from('one'), undefined)
  batch.flush()
  t.strictSame(socket.refused, ['ECONNREFUSED'])
  t.strictSame(kernel.sent[0]?.datagrams, ['one'])
})

t.test('a packet that nobody takes is dropped, and the next one is not', async t => {
  const { kernel, batch, socket } = setUp()
  kernel.answers.push('EPERM', 'ENETUNREACH', 'ENETUNREACH')
  for (const text of ['1', '22', '333']) batch.push(socket, Buffer.from(text), ALICE)
  batch.flush()
  t.strictSame(
    kernel.sent.map(({ datagrams }) => datagrams),
    [['333']],
  )
})
