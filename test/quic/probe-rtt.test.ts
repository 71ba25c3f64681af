import t from 'tap'
import { ProbeRttGuard } from '../../lib/quic/probe-rtt.ts'

const MSS = 1472
const RTT = 50
const WIDE = 1 << 20
const PROBE = 4 * MSS

/** bbr has looked once and was done at 1,000 ms. */
function afterFirstLook(): ProbeRttGuard {
  const guard = new ProbeRttGuard(MSS)
  guard.handleSample(700, PROBE, RTT)
  guard.handleSample(1000, WIDE, RTT)
  return guard
}

t.test('before bbr has looked once nothing is known, and nothing pauses', async t => {
  const guard = new ProbeRttGuard(MSS)
  for (let now = 0; now < 30_000; now += 10) {
    guard.handleSample(now, WIDE, RTT)
    t.notOk(guard.mustPause(now, RTT))
  }
})

t.test('bulk pauses a round trip before bbr looks again, until the next answer', async t => {
  const guard = afterFirstLook()
  t.notOk(guard.mustPause(10_900, RTT))
  t.ok(guard.mustPause(10_950, RTT))
  guard.handleSample(10_990, WIDE, RTT)
  t.ok(guard.mustPause(10_999, RTT), 'an answer before the time changes nothing')
  guard.handleSample(11_040, WIDE, RTT)
  t.notOk(guard.mustPause(11_041, RTT))
  t.ok(guard.mustPause(21_000, RTT), 'ten seconds after that answer again')
})

t.test('when bbr looks nevertheless, the end of that look counts', async t => {
  const guard = afterFirstLook()
  guard.handleSample(11_040, PROBE, RTT)
  guard.handleSample(11_300, WIDE, RTT)
  t.notOk(guard.mustPause(21_050, RTT))
  t.ok(guard.mustPause(21_260, RTT))
})

t.test('a pause that nothing comes of ends by itself', async t => {
  const guard = afterFirstLook()
  t.ok(guard.mustPause(11_100, RTT))
  t.notOk(guard.mustPause(11_151, RTT))
})
