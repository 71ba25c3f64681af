// The words of the suite nat.

import t from 'tap'
import { labSupport } from '../../bench/lab/index.ts'
import { PARTS } from '../../bench/nat/parts.ts'
import { planNat } from '../../bench/nat/plan.ts'
import type { NatBenchWords } from '../../bench/nat/plan.ts'

const skip = labSupport() === true ? false : 'no lab here'

t.test('without words it is everything, twice, of ours alone', { skip }, async t => {
  const { tries, pairs, parts, peers, isQuick } = planNat({}, {})
  t.match({ tries, isQuick, pairs: pairs.length }, { tries: 2, isQuick: false, pairs: 49 })
  t.equal(parts, PARTS)
  t.strictSame(
    peers.map(({ name }) => name),
    ['ours-xtcp'],
  )
})

t.test('quick is one try', { skip }, async t => {
  t.match(planNat({ isQuick: true }, {}), { tries: 1, isQuick: true })
  t.match(planNat({ isQuick: true, tries: '5' }, {}), { tries: 5 })
})

t.test('pairs are chosen by both kinds, the visitor first', { skip }, async t => {
  const { pairs } = planNat({ pairs: 'public/full-cone,all/random' }, {})
  t.equal(pairs.length, 8)
  t.match(pairs[0], { visitor: 'public', owner: 'full cone' })
})

t.test('a scenario is chosen by its name or its beginning', { skip }, async t => {
  const { parts } = planNat({ scenarios: ['cut', 'ne'] }, {})
  t.strictSame(
    parts.map(({ name }) => name),
    ['near', 'cut'],
  )
})

t.test('a wrong word is refused in one line', async t => {
  const wrong: readonly [NatBenchWords, RegExp][] = [
    [{ tries: '0' }, /--tries 0: this takes a whole number from 1 to 1000/],
    [{ tries: 'x' }, /--tries x/],
    [{ pairs: 'public' }, /--pairs public: this takes visitor\/owner/],
    [{ pairs: 'public/nowhere' }, /no kind of NAT "nowhere"; there are all, public, full-cone/],
    [{ scenarios: ['foo'] }, /no scenario of nat begins with "foo"; there are relay, pairs/],
    [{ scenarios: [''] }, /begins with ""/],
  ]
  for (const [words, message] of wrong) t.throws(() => planNat(words, {}), { message })
})

t.test('who is asked is a word, too', { skip }, async t => {
  t.throws(() => planNat({ only: 'both' }, {}), { message: /--only both: this takes ours or frp/ })
  t.throws(() => planNat({ only: 'frp' }, {}), { message: /name the folder of a real frp/ })
  const nowhere = { peers: ['/nowhere'] }
  t.throws(() => planNat(nowhere, {}), { message: /--peer \/nowhere: there is no executable/ })
})

t.test('every figure has its own name, and every goal a figure', async t => {
  const ids = PARTS.flatMap(({ metrics }) => metrics.map(({ id }) => id))
  t.equal(new Set(ids).size, ids.length)
  for (const { metric } of PARTS.flatMap(({ goals }) => goals)) t.ok(ids.includes(metric), metric)
})
