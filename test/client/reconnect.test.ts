import t from 'tap'
import { Reconnect, type ReconnectOutput } from '../../lib/client/reconnect.ts'

const FULL_MS = 10_000

function machine({ loginFailExit = false, random = 0.999 } = {}): Reconnect {
  return new Reconnect({ loginFailExit, attemptLimitMs: FULL_MS, random: () => random }, 0)
}

/** Jumps to the next deadline and takes what is due there. */
function next(reconnect: Reconnect): { at: number; output: ReconnectOutput | undefined } {
  const at = reconnect.deadline() ?? NaN
  return { at, output: reconnect.poll(at) }
}

function connected(options = {}): Reconnect {
  const reconnect = machine(options)
  reconnect.poll(0)
  reconnect.handleConnected(50)
  return reconnect
}

t.test('the first attempt is immediate and has its full time', async t => {
  t.strictSame(machine().poll(0), { type: 'attempt', limitMs: FULL_MS })
})

t.test('with loginFailExit the first failure ends everything, once', async t => {
  const reconnect = machine({ loginFailExit: true })
  reconnect.poll(0)
  reconnect.handleFailed('unreachable', 5)
  t.strictSame(reconnect.poll(5), { type: 'give-up' })
  t.equal(reconnect.poll(1e9), undefined)
  t.equal(reconnect.deadline(), undefined)
})

t.test('without it the first login is tried after 2, 4, 8, 10, 10 s, as frp does', async t => {
  const reconnect = machine({ random: 0 })
  reconnect.poll(0)
  let now = 0
  const delays = [1, 2, 3, 4, 5].map(() => {
    reconnect.handleFailed('unreachable', now)
    const { at } = next(reconnect)
    const delay = at - now
    now = at
    return delay
  })
  t.strictSame(delays, [2_000, 4_000, 8_000, 10_000, 10_000])
})

t.test('loginFailExit has no say after the first login', async t => {
  const reconnect = connected({ loginFailExit: true })
  reconnect.handleLost(60_000)
  next(reconnect)
  reconnect.handleFailed('login-refused', 61_000)
  t.match(next(reconnect).output, { type: 'attempt' })
})

t.test('a lost session is tried again at 0.2, 0.4, 0.8, 1, 1 s, at most', async t => {
  const reconnect = connected({ random: 1 })
  reconnect.handleLost(100_000)
  let now = 100_000
  const delays = [1, 2, 3, 4, 5].map(() => {
    const { at } = next(reconnect)
    const delay = at - now
    now = at
    reconnect.handleFailed('unreachable', now)
    return delay
  })
  t.strictSame(delays, [200, 400, 800, 1_000, 1_000])
})

t.test('the random part only shortens, by at most half', async t => {
  const reconnect = connected({ random: 0 })
  reconnect.handleLost(100_000)
  t.equal(reconnect.deadline(), 100_100)
})

t.test('a silent attempt is cut at 2 s while there is hurry', async t => {
  const reconnect = connected()
  reconnect.handleLost(100_000)
  t.strictSame(next(reconnect).output, { type: 'attempt', limitMs: 2_000 })
})

t.test('a link whose logins take long gets three times as long', async t => {
  const reconnect = machine()
  reconnect.poll(0)
  reconnect.handleConnected(1_500)
  reconnect.handleLost(100_000)
  t.strictSame(next(reconnect).output, { type: 'attempt', limitMs: 4_500 })
})

t.test('each eighth attempt cut in a row gets its full time', async t => {
  const reconnect = connected()
  reconnect.handleLost(100_000)
  const limits = Array.from({ length: 9 }, () => {
    const { at, output } = next(reconnect)
    const limitMs = output?.type === 'attempt' ? output.limitMs : NaN
    reconnect.handleFailed('timed-out', at + limitMs)
    return limitMs
  })
  t.strictSame(limits, [2e3, 2e3, 2e3, 2e3, 2e3, 2e3, 2e3, FULL_MS, 2e3])
})

t.test('a refused login slows down to 20 s', async t => {
  const reconnect = connected({ random: 1 })
  reconnect.handleLost(100_000)
  let now = 100_000
  let delay = 0
  for (let i = 0; i < 12; i++) {
    const { at } = next(reconnect)
    delay = at - now
    now = at
    reconnect.handleFailed('login-refused', now)
  }
  t.equal(delay, 20_000)
})

t.test('after ten minutes the pauses grow to 20 s and attempts have their full time', async t => {
  const reconnect = connected({ random: 1 })
  reconnect.handleLost(100_000)
  let last = 0
  let limitMs = 0
  while (last < 800_000) {
    const { at, output } = next(reconnect)
    last = at
    limitMs = output?.type === 'attempt' ? output.limitMs : NaN
    reconnect.handleFailed('unreachable', at)
  }
  t.equal(limitMs, FULL_MS)
  t.equal((reconnect.deadline() ?? 0) - last, 20_000)
})

t.test('sessions that die at once do not bring the pause back to its start', async t => {
  const reconnect = connected({ random: 1 })
  let now = 100
  const delays = [1, 2, 3, 4].map(() => {
    reconnect.handleLost(now)
    const { at } = next(reconnect)
    const delay = at - now
    reconnect.handleConnected(at + 20)
    now = at + 40
    return delay
  })
  t.strictSame(delays, [200, 400, 800, 1_000])
})

t.test('20 restarts, each down for up to 5 s: each is found within 3 s of listening', async t => {
  for (const behaviour of ['refuses', 'silent'] as const) {
    let seed = 20
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647
    const reconnect = new Reconnect({ loginFailExit: true, attemptLimitMs: FULL_MS, random }, 0)
    reconnect.poll(0)
    reconnect.handleConnected(20)
    let now = 20
    for (let i = 0; i < 20; i++) {
      now += random() * 20_000
      reconnect.handleLost(now)
      const backAt = now + random() * 5_000
      for (;;) {
        const { at, output } = next(reconnect)
        if (output?.type !== 'attempt') throw new Error('no attempt')
        // A server that does not answer is knocked at again after 1 and 3 s within one attempt.
        const knocks = behaviour === 'refuses' ? [at] : [at, at + 1_000, at + 3_000]
        const heard = knocks.find(knock => knock >= backAt && knock < at + output.limitMs)
        if (heard !== undefined) {
          reconnect.handleConnected(heard + 20)
          now = heard + 20
          break
        }
        if (behaviour === 'refuses') reconnect.handleFailed('unreachable', at)
        else reconnect.handleFailed('timed-out', at + output.limitMs)
      }
      t.ok(now - backAt < 3_000, `${behaviour}, restart ${i}: ${now - backAt} ms`)
    }
  }
})

t.test('a stopped machine says nothing more, whatever comes in', async t => {
  const reconnect = connected()
  reconnect.handleLost(1_000)
  reconnect.stop()
  reconnect.handleFailed('unreachable', 1_001)
  reconnect.handleConnected(1_002)
  reconnect.handleLost(1_003)
  t.equal(reconnect.poll(1e9), undefined)
  t.equal(reconnect.deadline(), undefined)
})
