import t from 'tap'
import { RouteHealth, type Pace } from '../../../nat/path/route-health.ts'

const PACE: Pace = { minMs: 1000, maxMs: 2000, grows: false, measureMs: 1e9, lostMs: 4000 }

function health(pace: Pace = PACE): RouteHealth {
  const route = new RouteHealth(
    { route: 1, kind: 'v4', technique: 'test', pace, random: () => 0.5 },
    0,
  )
  route.handleProof(40, 0)
  return route
}

/** Runs without any answer; the times of probes until `end`. */
function probes(route: RouteHealth, from: number, end: number): number[] {
  const seen: number[] = []
  for (let now = from; now <= end; now = Math.max(route.deadline(), now + 0.001)) {
    route.handleTime(now)
    if (route.poll(seen.length + 1, now)) seen.push(Math.round(now))
  }
  return seen
}

t.test('a silent route is probed after its pace, then more and more of it is lost', async t => {
  const route = health()
  t.equal(route.deadline(), 1500)
  t.strictSame(probes(route, 0, 1900), [1500, 1645, 1790])
  t.equal(route.isSilent, false, 'the third may still be answered')
  route.handleTime(1935)
  t.equal(route.isSilent, true)
})

t.test('what comes puts the probe off', async t => {
  const route = health()
  for (let now = 0; now <= 5000; now += 500) route.handleInbound(now)
  t.equal(route.deadline(), 6500)
})

t.test('but a route that is to be measured is probed however much comes', async t => {
  const route = health({ ...PACE, measureMs: 3000 })
  for (let now = 0; now <= 5000; now += 500) route.handleInbound(now)
  t.equal(route.deadline(), 3000)
})

t.test('a probe that was lost among packets that came is no miss', async t => {
  const route = health()
  route.ask(3)
  for (let now = 0; now <= 250; now += 50) {
    route.poll(now, now)
    route.handleInbound(now + 20)
  }
  route.handleTime(1000)
  t.equal(route.isLate, false)
})

t.test('pauses grow until there is payload again', async t => {
  const route = health({ minMs: 400, maxMs: 3000, grows: true, measureMs: 1e9, lostMs: 1000 })
  const pauses: number[] = []
  let now = 0
  for (let count = 1; count <= 5; count++) {
    const at = route.deadline()
    pauses.push(at - now)
    route.poll(count, at)
    now = at + 40
    route.handleAnswer(count, 40, now)
  }
  t.strictSame(pauses, [400, 800, 1600, 3000, 3000])
  route.handleActivity()
  t.equal(route.deadline(), now + 400)
})

t.test('a burst is sent 100 ms apart, the first one now, and can be called off', async t => {
  const route = health()
  route.ask(4)
  t.strictSame(probes(route, 10, 250), [10, 110, 210])
  route.endAsking()
  route.handleInbound(250)
  t.strictSame(probes(route, 251, 1000), [])
})

t.test('a lost route is asked less and less often, within its pace', async t => {
  const route = health()
  route.handleLost(0)
  t.strictSame(probes(route, 0, 16_000), [0, 250, 750, 1750, 3750, 7750, 11_750, 15_750])
})

t.test('it lives again after two answers to probes since it was lost', async t => {
  const route = health()
  route.ask(1)
  route.poll(1, 0)
  route.handleLost(100)
  t.equal(route.handleAnswer(1, 120, 120), 0)
  t.equal(route.isLost, true, 'an answer that was under way')
  route.poll(2, 350)
  route.handleAnswer(2, 40, 390)
  t.equal(route.isLost, true)
  t.equal(route.poll(3, 390), true, 'the second one follows at once')
  route.handleAnswer(3, 40, 430)
  t.equal(route.isLost, false)
})

t.test('a lost route on which something comes is asked at once', async t => {
  const route = health()
  route.handleLost(0)
  probes(route, 0, 2500)
  route.handleInbound(2600)
  t.equal(route.deadline(), 2600)
})

t.test('it expires 30 s after the last packet', async t => {
  const route = health()
  t.equal(route.isExpired(1e9), false)
  route.handleLost(1000)
  t.equal(route.isExpired(30_999), false)
  t.equal(route.isExpired(31_000), true)
  route.handleInbound(20_000)
  t.equal(route.isExpired(31_000), false)
})

t.test('an answer to nothing, or a second one, proves nothing', async t => {
  const route = health()
  t.equal(route.handleAnswer(7, 1, 10), undefined)
  t.equal(route.rttMs, 40)
  route.ask(1)
  route.poll(8, 20)
  t.equal(route.handleAnswer(8, 40, 60), 20)
  t.equal(route.handleAnswer(8, 1, 61), undefined)
  t.equal(route.rttMs, 40)
})

t.test('no more than 32 probes are remembered', async t => {
  const route = health()
  for (let nonce = 1; nonce <= 40; nonce++) {
    route.ask(1)
    route.poll(nonce, nonce * 100)
  }
  t.equal(route.handleAnswer(8, 40, 4100), undefined)
  t.equal(route.handleAnswer(9, 40, 4100), 900)
})

t.test('its loss is that of the probes', async t => {
  const route = health()
  t.equal(route.loss, undefined)
  for (let nonce = 1; nonce <= 40; nonce++) {
    const now = nonce * 1000
    route.ask(1)
    route.poll(nonce, now)
    if (nonce % 2 === 0) route.handleAnswer(nonce, 40, now + 40)
    route.handleTime(now + 500)
  }
  t.ok(Math.abs((route.loss ?? 0) - 0.5) < 0.1, `${route.loss}`)
})
