import t from 'tap'
import { classify, type Evidence } from '../../nat/classify.ts'
import type { NatSample } from '../../nat/discovery.ts'

const EIM = 'endpoint-independent'
const ADM = 'address-dependent'
const EDM = 'address-and-port-dependent'

/** `socket server mapped`, with addresses as `ip:port`. */
function samples(...lines: string[]): NatSample[] {
  return lines.map((line, index) => {
    const [socket = '', server = '', mapped = ''] = line.split(' ')
    const address = (text: string): { ip: string; port: number } => {
      const at = text.lastIndexOf(':')
      return { ip: text.slice(0, at), port: Number(text.slice(at + 1)) }
    }
    return {
      socket: Number(socket),
      localPort: 5000 + Number(socket),
      server: address(server),
      mapped: address(mapped),
      sentAt: index,
      at: index + 30,
    }
  })
}

function evidence(rest: Partial<Evidence> = {}): Evidence {
  return {
    samples: [],
    filter: { otherPort: undefined, otherIp: undefined },
    hairpin: undefined,
    localIps: ['192.168.1.10'],
    ...rest,
  }
}

t.test('no sample: no UDP, and nothing else is known', async t => {
  const { profile, confidence } = classify(evidence())
  t.match(profile, { udp: false, externalIps: [], ipv6: false })
  t.equal(profile.mapping, undefined)
  t.equal(profile.ports, undefined)
  t.strictSame(confidence, { mapping: undefined, filtering: undefined, ports: undefined })
})

t.test('mapping follows from who sees which address', async t => {
  const cases: readonly [string, readonly string[], string | undefined][] = [
    ['one server', ['0 s:1 m:9'], undefined],
    ['one server twice', ['0 s:1 m:9', '0 s:1 m:9'], undefined],
    ['two ports agree', ['0 s:1 m:9', '0 s:2 m:9'], EIM],
    ['two ports differ', ['0 s:1 m:9', '0 s:2 m:8'], EDM],
    ['two addresses agree', ['0 s:1 m:9', '0 r:1 m:9'], EIM],
    ['ports agree, addresses differ', ['0 s:1 m:9', '0 s:2 m:9', '0 r:1 m:8'], ADM],
    ['all differ', ['0 s:1 m:9', '0 s:2 m:8', '0 r:1 m:7'], EDM],
    ['two addresses differ, and nobody knows by port', ['0 s:1 m:9', '0 r:1 m:8'], EDM],
    ['another address of a pool', ['0 s:1 m:9', '0 s:2 n:9'], EDM],
    ['two sockets, one server each', ['0 s:1 m:9', '1 s:2 m:8'], undefined],
  ]
  for (const [title, lines, mapping] of cases) {
    t.equal(classify(evidence({ samples: samples(...lines) })).profile.mapping, mapping, title)
  }
})

t.test('an easy mapping is sure when two addresses say so, a hard one always', async t => {
  const confidence = (...lines: string[]): string | undefined =>
    classify(evidence({ samples: samples(...lines) })).confidence.mapping
  t.equal(confidence('0 s:1 m:9', '0 s:2 m:9'), 'low')
  t.equal(confidence('0 s:1 m:9', '0 r:2 m:9'), 'high')
  t.equal(confidence('0 s:1 m:9', '0 s:2 m:8'), 'high')
  t.equal(confidence('0 s:1 m:9'), undefined)
})

t.test('sockets that disagree are outvoted, and that is told', async t => {
  const disputed = classify(
    evidence({
      samples: samples(
        '0 s:1 m:9',
        '0 s:2 m:8',
        '1 s:1 m:7',
        '1 s:2 m:7',
        '2 s:1 m:6',
        '2 s:2 m:6',
      ),
    }),
  )
  t.equal(disputed.profile.mapping, EIM)
  t.equal(disputed.isDisputed, true)
  t.equal(disputed.confidence.mapping, 'low')
})

t.test('an address of this machine means no NAT, however it is written', async t => {
  const seen = samples('0 s:1 2001:db8::5:9')
  const { profile } = classify(evidence({ samples: seen, localIps: ['2001:0db8:0::5'] }))
  t.match(profile, { mapping: 'none', ipv6: true, carrier: false })
  t.equal(profile.ports, undefined)
})

t.test('filtering follows from where answers came', async t => {
  const cases = [
    [undefined, undefined, undefined, undefined],
    [true, true, EIM, 'high'],
    [false, true, EIM, 'high'],
    [true, false, ADM, 'high'],
    [true, undefined, ADM, 'low'],
    [false, false, EDM, 'high'],
    [false, undefined, EDM, 'high'],
    [undefined, false, EDM, 'low'],
  ] as const
  for (const [otherPort, otherIp, filtering, sure] of cases) {
    const { profile, confidence } = classify(evidence({ filter: { otherPort, otherIp } }))
    t.equal(profile.filtering, filtering, `port ${otherPort}, ip ${otherIp}`)
    t.equal(confidence.filtering, sure, `port ${otherPort}, ip ${otherIp}`)
  }
})

t.test('a gateway without a public address stands before another NAT', async t => {
  const seen = samples('0 s:1 203.0.113.1:9')
  const carrier = (gatewayIp: string | undefined): boolean | undefined =>
    classify(evidence({ samples: seen, gatewayIp })).profile.carrier
  t.equal(carrier(undefined), undefined)
  t.equal(carrier('203.0.113.1'), false)
  t.equal(carrier('203.0.113.2'), true)
  t.equal(carrier('100.64.3.4'), true)
  t.equal(carrier('10.0.0.2'), true)
})

t.test('IPv4 is judged where there is both', async t => {
  const seen = samples('0 s:1 203.0.113.1:9', '0 s:2 203.0.113.1:9', '0 x:1 2001:db8::5:9')
  const { profile } = classify(evidence({ samples: seen }))
  t.match(profile, { mapping: EIM, externalIps: ['203.0.113.1'], ipv6: true })
})
