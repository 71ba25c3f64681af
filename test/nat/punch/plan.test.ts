import t from 'tap'
import { planGuessing, type GuessPart } from '../../../nat/punch/plan.ts'
import type { Dependence, NatProfile, PortAllocation } from '../../../nat/types.ts'

const LIMITS = { sockets: 256, guesses: 2048, perSecond: 200, guessForMs: 10_000, openerTtl: 5 }
const SYMMETRIC = 'address-and-port-dependent'
const COUNTING = { type: 'sequential', step: 1, last: 40_000, at: 0, ratePerSecond: 0 } as const
const BLOCK = { type: 'random-in-block', first: 2048, size: 1024 } as const
const RANDOM = { type: 'random' } as const

function nat(
  mapping: NatProfile['mapping'],
  ports?: PortAllocation,
  filtering: Dependence | undefined = SYMMETRIC,
): NatProfile {
  const externalIps = ['203.0.113.1']
  const unknown = { hairpin: undefined, carrier: undefined, ipv6: false }
  return { udp: true, mapping, filtering, ports, externalIps, ...unknown }
}

const HOME = nat('endpoint-independent', { type: 'preserving' })
const PUBLIC = nat('none', undefined, 'endpoint-independent')

function partOf(
  local: NatProfile,
  remote: NatProfile,
  role: 'visitor' | 'owner' = 'visitor',
): GuessPart {
  return planGuessing(local, remote, { role, hasOtherWay: false, limits: LIMITS }).part
}

function delayOf(local: NatProfile, remote: NatProfile, hasOtherWay = false): number {
  return planGuessing(local, remote, { role: 'visitor', hasOtherWay, limits: LIMITS }).delayMs
}

t.test('nobody guesses between NATs that map alike for all', async t => {
  t.strictSame(partOf(HOME, PUBLIC), { type: 'none' })
  t.strictSame(partOf(HOME, nat(undefined)), { type: 'none' }, 'nor where nothing is known')
})

t.test('the easy side seeks, the hard one calls, from few sockets if it counts', async t => {
  for (const [ports, sockets] of [[COUNTING, 24], [BLOCK, 128], [RANDOM, 256]] as const) {
    const hard = nat(SYMMETRIC, ports)
    t.strictSame(partOf(HOME, hard), { type: 'seek', ports })
    const call = { type: 'call', sockets, isForeseen: ports === COUNTING }
    t.strictSame(partOf(hard, HOME), call)
    t.strictSame(partOf(nat('address-dependent', ports), HOME), call)
  }
})

t.test('ports that are not known may be anything', async t => {
  t.strictSame(partOf(HOME, nat(SYMMETRIC)), { type: 'seek', ports: RANDOM })
})

t.test('two symmetric NATs of which one was not looked at yet are not given up', async t => {
  t.strictSame(partOf(nat(SYMMETRIC), nat(SYMMETRIC, RANDOM)), { type: 'none' })
  t.equal(delayOf(HOME, nat(SYMMETRIC)), 600, 'nor guessed at once')
})

t.test('two that count walk and gather: one of each', async t => {
  const hard = nat(SYMMETRIC, COUNTING)
  t.strictSame(partOf(hard, hard, 'visitor'), { type: 'in-step', part: 'walk' })
  t.strictSame(partOf(hard, hard, 'owner'), { type: 'in-step', part: 'gather' })
})

t.test('two small blocks are searched, larger ones are not', async t => {
  const small = nat(SYMMETRIC, BLOCK)
  const large = nat(SYMMETRIC, { ...BLOCK, size: 4096 })
  t.strictSame(partOf(small, small), { type: 'blocks', first: 2048, size: 1024 })
  t.match(partOf(small, large), { type: 'hopeless' })
})

t.test('chance against chance or a counter is hopeless, for both sides alike', async t => {
  const reason = (part: GuessPart): string => (part.type === 'hopeless' ? part.reason : part.type)
  const random = nat(SYMMETRIC, RANDOM)
  const counting = nat(SYMMETRIC, COUNTING)
  t.equal(reason(partOf(random, random)), 'both networks choose ports at random')
  const mixed = 'one network chooses ports at random, the other a new one for each peer'
  t.equal(reason(partOf(random, counting)), mixed)
  t.equal(reason(partOf(counting, random)), mixed)
})

t.test('plain probes have longer where they should do', async t => {
  const random = nat(SYMMETRIC, RANDOM)
  t.ok(delayOf(HOME, random) <= 100)
  t.ok(delayOf(HOME, random, true) > delayOf(HOME, random), 'there is IPv6, too')
  t.equal(delayOf(PUBLIC, random), 600)
  t.equal(delayOf(random, nat('endpoint-independent', undefined, 'address-dependent')), 600)
})
