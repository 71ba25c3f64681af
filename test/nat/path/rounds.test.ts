import t from 'tap'
import { PunchRounds, type Wish } from '../../../nat/path/rounds.ts'

const FULL: Wish = { scope: 'full', isTimed: true }
const PLAIN: Wish = { scope: 'plain', isTimed: true }
const UNTIMED: Wish = { scope: 'full', isTimed: false }
const NOTHING = { isOpen: false, isHopeless: false }

function rounds(random = 0.5): PunchRounds {
  return new PunchRounds({ random: () => random }, 0)
}

/** Rounds that all fail at once: the pauses between them. */
function pauses(machine: PunchRounds, count: number): number[] {
  const seen: number[] = []
  let now = 0
  let last = 0
  while (seen.length < count) {
    now = Math.max(now, machine.deadline(FULL) ?? now)
    if (!machine.poll(FULL, now)) throw new Error(`no round at ${now}`)
    seen.push(now - last)
    last = now
    machine.handleEnd(NOTHING, now)
  }
  return seen
}

t.test('the first round is due at once', async t => {
  const machine = rounds()
  t.strictSame(machine.poll(FULL, 0), {
    round: 1,
    scope: 'full',
    reason: 'the connection is new',
  })
  t.equal(machine.poll(FULL, 1), undefined)
})

t.test('rounds that fail get rarer, up to five minutes more or less', async t => {
  const expected = [0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000]
  t.strictSame(pauses(rounds(0.5), 10), [...expected, 300_000, 300_000])
  t.strictSame(pauses(rounds(0), 9), [...expected, 240_000])
  t.strictSame(pauses(rounds(0.75), 9), [...expected, 330_000])
})

t.test('a hopeless pair is tried again after five minutes', async t => {
  const machine = rounds()
  machine.poll(FULL, 0)
  machine.handleEnd({ isOpen: false, isHopeless: true }, 10)
  t.equal(machine.deadline(FULL), 300_010)
})

t.test('something new: a round at once, though not two within half a second', async t => {
  const machine = rounds()
  pauses(machine, 9)
  const now = machine.deadline(FULL) ?? 0
  machine.ask('a')
  t.match(machine.poll(FULL, now - 1000), { reason: 'a' })
  machine.ask('b')
  machine.ask('c')
  t.equal(machine.poll(FULL, now - 501), undefined)
  t.match(machine.poll(FULL, now - 500), { reason: 'c' }, 'even while one runs')
  machine.handleEnd(NOTHING, now)
  t.equal(machine.deadline(FULL), now + 1000, 'the pauses begin anew')
})

t.test('what is asked for is done though nobody uses the connection', async t => {
  const machine = rounds()
  t.match(machine.poll(UNTIMED, 0), { round: 1 })
  machine.handleEnd(NOTHING, 0)
  t.equal(machine.deadline(UNTIMED), undefined)
  t.equal(machine.poll(UNTIMED, 1e9), undefined)
})

t.test('no second round while one runs; one that never ends is over after 20 s', async t => {
  const machine = rounds()
  machine.poll(FULL, 0)
  t.equal(machine.deadline(FULL), 20_000)
  t.equal(machine.poll(FULL, 19_999), undefined)
  t.equal(machine.poll(FULL, 20_000), undefined)
  t.match(machine.poll(FULL, 21_000), { round: 2, reason: 'another try is due' })
})

t.test('with a direct path there is a plain round a minute later', async t => {
  const machine = rounds()
  machine.poll(FULL, 0)
  machine.handleFound({ isNew: true }, 100)
  machine.handleEnd({ isOpen: true, isHopeless: false }, 100)
  t.equal(machine.deadline(PLAIN), 60_100)
  t.match(machine.poll(PLAIN, 60_100), { scope: 'plain', reason: 'there may be a better path' })
})

t.test('a path that dies is replaced at once, and one after the other later', async t => {
  const machine = rounds()
  machine.poll(FULL, 0)
  const waits: number[] = []
  let now = 100
  for (let loss = 0; loss < 5; loss++) {
    machine.handleFound({ isNew: false }, now)
    now += 5000
    machine.handleLoss(now)
    const at = machine.deadline(FULL) ?? 0
    waits.push(at - now)
    t.match(machine.poll(FULL, at), { scope: 'full', reason: 'the direct path is silent' })
    now = at
  }
  t.strictSame(waits, [0, 1000, 2000, 4000, 8000])
  machine.handleFound({ isNew: false }, now)
  machine.handleLoss(now + 60_000)
  t.equal(machine.deadline(FULL), now + 60_000, 'a good path that died is an accident')
})

t.test('an address that changes again and again is met by a round each time', async t => {
  const machine = rounds()
  machine.poll(FULL, 0)
  for (let now = 100; now < 60_000; now += 5000) {
    machine.handleFound({ isNew: true }, now)
    machine.handleLoss(now + 4000)
    t.equal(machine.deadline(FULL), now + 4000)
    machine.poll(FULL, now + 4000)
  }
})
