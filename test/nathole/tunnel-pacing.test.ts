import t from 'tap'
import { TunnelPacing } from '../../lib/nathole/tunnel-pacing.ts'

const ON_DEMAND = { keepsOpen: false, minRetryIntervalMs: 90_000, maxRetriesAnHour: 8 }
const KEPT = { ...ON_DEMAND, keepsOpen: true }

t.test('without a user nothing is tried', async t => {
  const pacing = new TunnelPacing(ON_DEMAND, 0)
  t.equal(pacing.begin(1_000_000), false)
  t.equal(pacing.deadline(), undefined)
})

t.test('the first user makes it try at once, and others do not make it try twice', async t => {
  const pacing = new TunnelPacing(ON_DEMAND, 0)
  pacing.handleWanted(1)
  t.equal(pacing.begin(5), true)
  pacing.handleWanted(2)
  t.equal(pacing.begin(6), false)
  t.equal(pacing.deadline(), undefined)
})

t.test('tries that fail follow one another more and more slowly', async t => {
  const pacing = new TunnelPacing(ON_DEMAND, 0)
  pacing.handleWanted(1)
  let now = 0
  const gaps: number[] = []
  for (let n = 0; n < 5; n++) {
    pacing.begin(now)
    pacing.handleFailed()
    const next = pacing.deadline() ?? 0
    gaps.push(next - now)
    t.equal(pacing.begin(next - 1), false)
    now = next
  }
  t.strictSame(gaps, [3_000, 5_000, 10_000, 10_000, 10_000])
})

t.test('once the user has gone it rests', async t => {
  const pacing = new TunnelPacing(ON_DEMAND, 0)
  pacing.handleWanted(1)
  pacing.begin(0)
  pacing.handleFailed()
  pacing.handleWanted(0)
  t.equal(pacing.deadline(), undefined)
})

t.test('a tunnel that worked and ended is opened for the next user at once', async t => {
  const pacing = new TunnelPacing(ON_DEMAND, 0)
  pacing.handleWanted(1)
  pacing.begin(0)
  pacing.handleFailed()
  pacing.begin(3_000)
  pacing.handleUp()
  t.equal(pacing.begin(3_100), false)
  pacing.handleDown(3_500)
  t.equal(pacing.begin(3_500), true)
})

t.test('a tunnel that is kept open is opened before anybody comes', async t => {
  const pacing = new TunnelPacing(KEPT, 0)
  t.equal(pacing.begin(0), true)
  pacing.handleFailed()
  t.equal(pacing.deadline(), 90_000)
  t.equal(pacing.begin(89_999), false)
  t.equal(pacing.begin(90_000), true)
})

t.test('nobody’s tries are as many an hour as the config says', async t => {
  const pacing = new TunnelPacing({ ...KEPT, minRetryIntervalMs: 10_000 }, 0)
  let tries = 0
  for (let now = 0; now < 3_600_000; now += 10_000) {
    if (!pacing.begin(now)) continue
    tries++
    pacing.handleFailed()
  }
  t.equal(tries, 8 + 7, 'eight at once and one each 450 s')
  pacing.handleWanted(1)
  t.equal(pacing.begin(3_600_000), true, 'a user is not counted')
})

t.test('nothing is tried after the end', async t => {
  const pacing = new TunnelPacing(KEPT, 0)
  pacing.close()
  t.equal(pacing.begin(0), false)
  t.equal(pacing.deadline(), undefined)
})
