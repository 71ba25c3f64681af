import t from 'tap'
import { TrafficClass } from '../../lib/quic/traffic-class.ts'

t.test('keystrokes pass whatever else waits', async t => {
  const traffic = new TrafficClass()
  for (let now = 0; now < 60_000; now += 50) {
    t.ok(traffic.mayPass(64, now))
    traffic.handleSent(64)
  }
  t.equal(traffic.rank(60_000), 0)
})

t.test('who sends on and on is bulk, and interactive again after a pause', async t => {
  const traffic = new TrafficClass()
  for (let now = 0; now < 100; now++) {
    if (traffic.mayPass(1400, now)) traffic.handleSent(1400)
    else traffic.handleSent(1400)
  }
  t.notOk(traffic.mayPass(1400, 100))
  t.equal(traffic.rank(100), 1)
  t.equal(traffic.rank(1200), 0, 'a second later')
})

t.test('a dialogue stays interactive where a monologue of its size sinks', async t => {
  const dialogue = new TrafficClass()
  const monologue = new TrafficClass()
  for (let now = 0; now < 2000; now += 20) {
    for (const traffic of [dialogue, monologue]) traffic.handleSent(1000)
    dialogue.handleAnswer()
    dialogue.rank(now)
    monologue.rank(now)
  }
  t.equal(dialogue.rank(2000), 0)
  t.equal(monologue.rank(2000), 1)
})

t.test('a setting forces either', async t => {
  const bulk = new TrafficClass()
  bulk.priority = 'bulk'
  t.notOk(bulk.mayPass(1, 0))
  t.equal(bulk.rank(0), 2)
  const first = new TrafficClass()
  first.priority = 'interactive'
  first.handleSent(1 << 20)
  t.equal(first.rank(0), 0, 'first in line')
  t.notOk(first.mayPass(1400, 1), 'but not past the window without end')
})
