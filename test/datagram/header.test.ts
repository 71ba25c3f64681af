import t from 'tap'
import {
  CLOSED,
  COPY,
  decodeAddress,
  emptyHead,
  encodeAddress,
  KNOWN,
  MAX_NUMBER,
  OPEN,
  PART,
  readHead,
  REPORT,
  THEIRS,
  UNKNOWN,
  writeNumber,
} from '../../lib/datagram/header.ts'
import { seededRandom, testSeed } from '../support/random.ts'

function read(bytes: number[]): ReturnType<typeof emptyHead> | undefined {
  const head = emptyHead()
  return readHead(Buffer.from(bytes), head) ? head : undefined
}

t.test('numbers take one to three bytes', async t => {
  const cases: [number, number][] = [
    [0, 1],
    [127, 1],
    [128, 2],
    [16_383, 2],
    [16_384, 3],
    [MAX_NUMBER - 1, 3],
  ]
  for (const [value, length] of cases) {
    const bytes = Buffer.alloc(8)
    t.equal(writeNumber(bytes, 0, value), length, `${value}`)
    const head = read([0, ...bytes.subarray(0, length), 0, 9])
    t.match(head, { flow: value, sequence: 9, length: 3 + length })
  }
})

t.test('a packet of a known flow has at most 6 bytes before it, a part 8', async t => {
  const flow = Buffer.alloc(3)
  writeNumber(flow, 0, MAX_NUMBER - 1)
  t.equal(read([0, ...flow, 1, 2, 0xaa])?.length, 6)
  t.equal(read([PART, ...flow, 1, 2, 0, 1, 0xaa])?.length, 8)
})

t.test('an introduction has the link and the address of the user', async t => {
  for (const ip of ['203.0.113.9', '2001:db8::7', '::1', '::', 'fe80::1:0:0:2']) {
    const address = encodeAddress({ ip, port: 5_555 })
    const bytes = [OPEN | COPY, 3, 0, 7, 0x81, 1, ...address, 0xaa]
    const head = read(bytes)
    t.match(head, { flow: 3, sequence: 7, link: 129, length: bytes.length - 1 })
    t.strictSame(decodeAddress(Buffer.from(bytes), head?.addressAt ?? 0), { ip, port: 5_555 })
  }
})

t.test('words about a flow say whose it is', async t => {
  for (const kind of [KNOWN, CLOSED, UNKNOWN]) {
    t.match(read([kind, 5]), { isPacket: false, kind, isTheirs: false, flow: 5 })
    t.match(read([kind | THEIRS, 5]), { isPacket: false, kind, isTheirs: true, flow: 5 })
  }
  t.match(read([REPORT, 0, 0, 1, 0, 0, 0, 0, 255]), { expected: 256, received: 255 })
})

t.test('what is cut short or makes no sense is refused', async t => {
  const wrong: Record<string, number[]> = {
    empty: [],
    'no flow': [0],
    'a number without its end': [0, 0x80, 0x80, 0x80, 0, 0],
    'no sequence': [0, 1, 0],
    'an unknown flag': [0x10, 1, 0, 0],
    'half a part': [PART, 1, 0, 0, 0],
    'a part beyond the last': [PART, 1, 0, 0, 3, 2],
    'the only part': [PART, 1, 0, 0, 0, 0],
    'an unknown family': [OPEN, 1, 0, 0, 1, 5, 1, 2, 3, 4, 0, 1],
    'half an address': [OPEN, 1, 0, 0, 1, 4, 1, 2, 3],
    'an introduction of a flow of the other side': [OPEN | THEIRS, 1, 0, 0, 1, 4, 1, 2, 3, 4, 0, 1],
    'half a report': [REPORT, 0, 0, 0, 0],
    'an unknown kind': [0x90, 1],
  }
  for (const [title, bytes] of Object.entries(wrong)) t.equal(read(bytes), undefined, title)
})

t.test('no bytes whatever make it throw or point outside', async t => {
  const seed = testSeed()
  const random = seededRandom(seed)
  const head = emptyHead()
  for (let i = 0; i < 50_000; i++) {
    const bytes = random.bytes(random.below(40))
    if (bytes.length > 0 && random.below(2) === 0) bytes[0] = random.below(16)
    if (!readHead(bytes, head) || !head.isPacket) continue
    if (head.length > bytes.length) t.fail(`SEED=${seed} ${bytes.toString('hex')}`)
    if ((head.kind & OPEN) !== 0) decodeAddress(bytes, head.addressAt)
  }
  t.pass('50,000 datagrams')
})
