import t from 'tap'
import {
  BEHAVIORS,
  type HoleMode,
  orient,
  type Scored,
  variantsFor,
} from '../../lib/nathole/behaviors.ts'
import { natFeature, type NatFeature } from '../../lib/nathole/feature.ts'

const at = (ip: string, port: number): { ip: string; port: number } => ({ ip, port })
const EASY = natFeature([at('192.0.2.1', 5000), at('192.0.2.1', 5000)], [])
const OPEN = natFeature([at('192.0.2.1', 5000), at('192.0.2.1', 5000)], ['192.0.2.1'])
const REGULAR = natFeature([at('192.0.2.1', 5000), at('192.0.2.1', 5001)], [])
const RANDOM = natFeature([at('192.0.2.1', 5000), at('192.0.2.1', 9000)], [])

t.test('a NAT is told by what changes between two answers', async t => {
  const features: [NatFeature, Partial<NatFeature>][] = [
    [EASY, { natType: 'EasyNAT', behavior: 'BehaviorNoChange', isPublic: false }],
    [OPEN, { natType: 'EasyNAT', isPublic: true }],
    [REGULAR, { natType: 'HardNAT', behavior: 'BehaviorPortChanged', isRegular: true }],
    [RANDOM, { natType: 'HardNAT', portsDifference: 4_000, isRegular: false }],
    [
      natFeature([at('192.0.2.1', 5000), at('192.0.2.2', 5000)], []),
      { behavior: 'BehaviorIPChanged', portsDifference: 0 },
    ],
    [
      natFeature([at('192.0.2.1', 5000), at('192.0.2.2', 5001)], []),
      { behavior: 'BehaviorBothChanged', isRegular: false },
    ],
  ]
  for (const [feature, expected] of features) t.match(feature, expected)
})

t.test('five ports apart are regular, six are not', async t => {
  t.equal(natFeature([at('192.0.2.1', 5005), at('192.0.2.1', 5000)], []).isRegular, true)
  t.equal(natFeature([at('192.0.2.1', 5000), at('192.0.2.1', 5006)], []).isRegular, false)
})

t.test('one address says nothing', async t => {
  t.throws(() => natFeature([at('192.0.2.1', 5000)], []), /not enough addresses/)
})

/** Mode and score of each run of equal ones. */
function runs(variants: readonly Scored[]): string[] {
  const words = variants.map(({ mode, score }) => `${mode}:${score}`)
  return words.filter((word, index) => word !== words[index - 1])
}

t.test('each pair of NATs has frp’s modes in frp’s order, after those of ours', async t => {
  t.strictSame(runs(variantsFor(EASY, EASY)), ['0:0'])
  t.strictSame(runs(variantsFor(EASY, REGULAR)), ['5:1', '1:0', '2:0', '0:0'])
  t.strictSame(runs(variantsFor(RANDOM, EASY)), ['6:1', '2:0', '1:0', '0:0'])
  t.strictSame(runs(variantsFor(REGULAR, REGULAR)), ['7:1', '3:0', '4:0'])
  t.strictSame(runs(variantsFor(REGULAR, RANDOM)), ['4:0'])
  t.strictSame(runs(variantsFor(RANDOM, RANDOM)), ['0:1', '1:1', '3:1'])
})

t.test('beside a side without a NAT no random port is tried first', async t => {
  t.equal(variantsFor(OPEN, RANDOM)[0]?.mode, 5)
  t.equal(variantsFor(RANDOM, OPEN)[0]?.mode, 5)
})

t.test('a side without a NAT receives first', async t => {
  const first = (owner: NatFeature, visitor: NatFeature): number | undefined =>
    variantsFor(owner, visitor).find(({ score }) => score === 1)?.index
  t.equal(first(OPEN, EASY), 1, 'the owner')
  t.equal(first(EASY, OPEN), 0, 'the visitor')
})

t.test('frp’s modes have as many variants as frp’s', async t => {
  const counts = ([0, 1, 2, 3, 4] as const).map(mode => BEHAVIORS[mode].length)
  t.strictSame(counts, [10, 6, 3, 6, 3])
  t.match(BEHAVIORS[0][9], [{ role: 'receiver' }, { role: 'sender', sendDelayMs: 10_000 }])
  t.match(BEHAVIORS[1][3], [{ sendDelayMs: 2_000 }, { ttl: 4, rangePorts: 10 }])
  t.match(BEHAVIORS[2][1], [
    { randomPorts: 1_000, sendDelayMs: 3_000 },
    { listenPorts: 256, ttl: 4 },
  ])
  t.match(BEHAVIORS[3][4], [{ role: 'receiver', ttl: 4 }, { role: 'sender', rangePorts: 10 }])
  t.match(BEHAVIORS[4][2], [{ randomPorts: 1_000 }, { rangePorts: 2, ttl: 0 }])
})

t.test('in a mode that is made for one kind of NAT that NAT has its part', async t => {
  const role = (mode: HoleMode, owner: NatFeature): string =>
    orient({ mode, index: 0 }, owner).owner.role
  t.equal(role(1, REGULAR), 'sender', 'the hard one sends in mode 1')
  t.equal(role(1, EASY), 'receiver')
  t.equal(role(2, RANDOM), 'receiver', 'the hard one receives in mode 2')
  t.equal(role(2, EASY), 'sender')
  t.equal(role(4, REGULAR), 'sender', 'the regular one sends in mode 4')
  t.equal(role(4, RANDOM), 'receiver')
  t.equal(orient({ mode: 6, index: 0 }, EASY).visitor.listenPorts, 256)
  t.equal(orient({ mode: 6, index: 0 }, RANDOM).owner.listenPorts, 256)
  t.equal(orient({ mode: 5, index: 0 }, EASY).owner.aheadPorts, 150)
})
