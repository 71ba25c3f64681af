import t from 'tap'
import { NatPmpCodec } from '../../../nat/portmap/nat-pmp.ts'
import { PcpCodec } from '../../../nat/portmap/pcp.ts'
import { seededRandom } from '../../support/random.ts'

// Answers of MiniUPnPd 2.3.1 to 192.168.77.2, whose nonce is twelve times 07.
const REAL = {
  announce: '028000000000000000006016000000000000000000000000',
  map:
    '0281000000001c200000601600000000000000000000000007070707070707070707070711000000' +
    'b26eb26e00000000000000000000ffff08080005',
  notAuthorized:
    '02810002000000000000605f00000000000000000000000007070707070707070707070711000000' +
    '0050005000000000000000000000ffff08080005',
  badVersion: '0280000100000000000060ab000000000000000000000000',
  address: '008000000000601608080005',
  mapUdp: '0081000000006016b26fb26f00001c20',
  mapUdpRefused: '008100020000605f0050005000001c20',
}
const NONCE = Buffer.alloc(12, 7)

function pcp(): PcpCodec {
  return new PcpCodec('192.168.77.2', NONCE)
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex, 'hex')
}

t.test('PCP: the questions are those of RFC 6887', async t => {
  const source = '00000000000000000000ffffc0a84d02'
  t.equal(pcp().probe().toString('hex'), `0200000000000000${source}`)
  const request = { internalPort: 45678, externalPort: 45678, leaseSeconds: 7200 }
  const rest = `${'07'.repeat(12)}11000000b26eb26e00000000000000000000ffff00000000`
  t.equal(pcp().map(request).toString('hex'), `0201000000001c20${source}${rest}`)
  const removal = pcp().map({ ...request, leaseSeconds: 0 })
  t.equal(removal.readUInt32BE(4), 0)
  t.equal(removal.readUInt16BE(42), 0, 'a removal suggests no port')
})

t.test('PCP: answers of a real gateway are understood', async t => {
  t.strictSame(pcp().decode(bytes(REAL.announce)), {
    type: 'alive',
    epochSeconds: 0x6016,
    externalIp: undefined,
  })
  t.strictSame(pcp().decode(bytes(REAL.map)), {
    type: 'mapped',
    epochSeconds: 0x6016,
    internalPort: 45678,
    externalPort: 45678,
    externalIp: '8.8.0.5',
    leaseSeconds: 7200,
  })
  t.match(pcp().decode(bytes(REAL.notAuthorized)), {
    type: 'refused',
    to: 'map',
    reason: /switched off/,
  })
})

t.test('PCP: the answer to somebody else is not ours', async t => {
  const other = new PcpCodec('192.168.77.2', Buffer.alloc(12, 8))
  t.equal(other.decode(bytes(REAL.map)), undefined, 'another nonce')
  t.equal(pcp().decode(pcp().probe()), undefined, 'a question')
  t.equal(pcp().decode(bytes(REAL.address)), undefined, 'NAT-PMP')
})

t.test('NAT-PMP: the questions are those of RFC 6886', async t => {
  const codec = new NatPmpCodec()
  t.equal(codec.probe().toString('hex'), '0000')
  const request = { internalPort: 45679, externalPort: 45679, leaseSeconds: 7200 }
  t.equal(codec.map(request).toString('hex'), '00010000b26fb26f00001c20')
  const removal = codec.map({ ...request, leaseSeconds: 0 })
  t.equal(removal.toString('hex'), '00010000b26f000000000000')
})

t.test('NAT-PMP: answers of a real gateway are understood', async t => {
  const codec = new NatPmpCodec()
  const epochSeconds = 0x6016
  t.strictSame(codec.decode(bytes(REAL.address)), {
    type: 'alive',
    epochSeconds,
    externalIp: '8.8.0.5',
  })
  t.strictSame(codec.decode(bytes(REAL.mapUdp)), {
    type: 'mapped',
    epochSeconds,
    internalPort: 45679,
    externalPort: 45679,
    externalIp: undefined,
    leaseSeconds: 7200,
  })
  t.match(codec.decode(bytes(REAL.mapUdpRefused)), { type: 'refused', to: 'map' })
})

t.test('a gateway that speaks one protocol refuses the other one only', async t => {
  const toPcp = bytes('0080000100000000') // A NAT-PMP gateway about version 2.
  t.match(pcp().decode(toPcp), { type: 'refused', reason: /no PCP/ })
  t.equal(new NatPmpCodec().decode(toPcp), undefined)
  t.equal(pcp().decode(bytes(REAL.badVersion)), undefined)
  t.match(new NatPmpCodec().decode(bytes(REAL.badVersion)), {
    type: 'refused',
    reason: /no NAT-PMP/,
  })
})

t.test('garbage and cut answers give nothing and throw nothing', async t => {
  const random = seededRandom(6887)
  for (const hex of Object.values(REAL)) {
    const whole = bytes(hex)
    for (let length = 0; length < whole.length; length++) {
      const cut = whole.subarray(0, length)
      for (const answer of [pcp().decode(cut), new NatPmpCodec().decode(cut)]) {
        if (answer) t.equal(answer.type, 'refused', `${hex} cut to ${length}`)
      }
    }
  }
  for (let i = 0; i < 20_000; i++) {
    const data = random.bytes(i % 70)
    if (data.length > 1) data[0] = i % 3
    pcp().decode(data)
    new NatPmpCodec().decode(data)
  }
  t.equal(pcp().decode(Buffer.alloc(1101, 0x82)), undefined, 'longer than PCP allows')
})
