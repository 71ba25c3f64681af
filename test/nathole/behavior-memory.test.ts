import t from 'tap'
import { BehaviorMemory, type KnownSide, type Proposal } from '../../lib/nathole/behavior-memory.ts'
import { natFeature } from '../../lib/nathole/feature.ts'

const HOUR_MS = 3_600_000

function easy(ip: string): KnownSide {
  const seen = { ip, port: 5000 }
  return { ip, feature: natFeature([seen, seen], []) }
}

const OWNER = easy('192.0.2.1')
const VISITOR = easy('198.51.100.1')

function memory(): BehaviorMemory {
  return new BehaviorMemory({ reserveMs: 168 * HOUR_MS })
}

const words = ({ mode, index }: Proposal): string => `${mode}/${index}`

t.test('each failure leads to the next variant, and after the last to the first', async t => {
  const tried = memory()
  const all = Array.from({ length: 11 }, (_, n) => words(tried.propose(OWNER, VISITOR, n)))
  t.strictSame(all, [...Array.from({ length: 10 }, (_, n) => `0/${n}`), '0/0'])
})

t.test('what worked is proposed again', async t => {
  const tried = memory()
  tried.propose(OWNER, VISITOR, 0)
  const second = tried.propose(OWNER, VISITOR, 1)
  tried.handleSuccess(second, 2)
  t.equal(words(tried.propose(OWNER, VISITOR, 3)), '0/1')
  t.equal(words(tried.propose(OWNER, VISITOR, 4)), '0/1', 'one failure does not undo it')
})

t.test('ten points are the most, so that a change of the network is noticed', async t => {
  const tried = memory()
  const first = tried.propose(OWNER, VISITOR, 0)
  for (let n = 0; n < 100; n++) tried.handleSuccess(first, n)
  const same = Array.from({ length: 11 }, () => words(tried.propose(OWNER, VISITOR, 200)))
  t.equal(same[9], '0/0')
  t.equal(same[10], '0/0', 'level with the others: the first of them')
  t.equal(words(tried.propose(OWNER, VISITOR, 201)), '0/1')
})

t.test('other networks know nothing of it', async t => {
  const tried = memory()
  tried.propose(OWNER, VISITOR, 0)
  t.equal(words(tried.propose(OWNER, easy('198.51.100.2'), 1)), '0/0')
  t.equal(words(tried.propose(VISITOR, OWNER, 2)), '0/0', 'nor the same two the other way round')
})

t.test('what was not used for so long is forgotten', async t => {
  const tried = memory()
  tried.propose(OWNER, VISITOR, 0)
  tried.propose(easy('192.0.2.9'), VISITOR, 168 * HOUR_MS)
  t.equal(tried.size, 2)
  tried.propose(easy('192.0.2.9'), VISITOR, 168 * HOUR_MS + 1)
  t.equal(tried.size, 1)
})

t.test('strangers cannot make it grow without end', async t => {
  const tried = memory()
  for (let n = 0; n < 10_050; n++) {
    tried.propose(easy(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`), VISITOR, n)
  }
  t.equal(tried.size, 10_000)
})

t.test('a success without a proposal changes nothing', async t => {
  const tried = memory()
  tried.handleSuccess({ key: 'never', mode: 0, index: 0 }, 0)
  t.equal(tried.size, 0)
})
