import t from 'tap'
import { Agreement } from '../../../nat/path/agreement.ts'

/** When it wants to tell, until `end`. */
function tells(agreement: Agreement, from: number, end: number): number[] {
  const seen: number[] = []
  for (let now = agreement.deadline(); now !== undefined && now <= end;) {
    if (agreement.poll(Math.max(now, from))) seen.push(Math.max(now, from))
    now = agreement.deadline()
  }
  return seen
}

t.test('both begin on the relay, and there is nothing to tell', async t => {
  t.equal(new Agreement().deadline(), undefined)
})

t.test('a change is told until it is answered', async t => {
  const agreement = new Agreement()
  agreement.handleSwitch('v4', 1000)
  t.strictSame(tells(agreement, 1000, 1500), [1000, 1100, 1300])
  agreement.handlePeer('v4', 1600)
  t.equal(agreement.deadline(), undefined)
})

t.test('a peer that does not answer is told twelve times', async t => {
  const agreement = new Agreement()
  agreement.handleSwitch('v4', 0)
  const times = tells(agreement, 0, 1e9)
  t.equal(times.length, 12)
  t.ok((times.at(-1) ?? 0) < 120_000)
})

t.test('one that insists on another direct path is told five times', async t => {
  const agreement = new Agreement()
  agreement.handleSwitch('lan', 0)
  agreement.poll(0)
  agreement.handlePeer('v4', 50)
  t.equal(tells(agreement, 50, 1e9).length, 3, 'some of the tries are spent')
})

t.test('an owner that left by itself is called back after a moment', async t => {
  const agreement = new Agreement()
  agreement.handleSwitch('v4', 0)
  agreement.handlePeer('v4', 10)
  agreement.handlePeer('relay', 5000)
  t.equal(agreement.deadline(), 5200)
})
