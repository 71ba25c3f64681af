// The small machines of the datagram plane: duplicates, parts, turns, numbers.

import t from 'tap'
import { DuplicateWindow, STALE } from '../../lib/datagram/duplicates.ts'
import { FairQueue, FAR_LIMITS, NEAR_LIMITS } from '../../lib/datagram/fair-queue.ts'
import { FlowIds } from '../../lib/datagram/flow-ids.ts'
import { LossCounter, LossSwitch } from '../../lib/datagram/loss.ts'
import { Reassembly } from '../../lib/datagram/reassembly.ts'
import { seededRandom, testSeed } from '../support/random.ts'

t.test('duplicates', async t => {
  t.test('a packet counts once, in any order within the window', async t => {
    const window = new DuplicateWindow()
    t.equal(window.accept(10), 1)
    t.equal(window.accept(11), 1)
    t.equal(window.accept(11), STALE)
    t.equal(window.accept(14), 3)
    t.equal(window.accept(12), 0)
    t.equal(window.accept(12), STALE)
    t.equal(window.accept(13), 0)
    t.equal(window.accept(10), STALE)
    t.ok(window.isStale(13))
    t.notOk(window.isStale(15))
  })

  t.test('sequences go round', async t => {
    const window = new DuplicateWindow()
    window.accept(65_534)
    t.equal(window.accept(1), 3)
    t.equal(window.accept(65_535), 0)
    t.equal(window.accept(0), 0)
    t.equal(window.accept(65_535), STALE)
  })

  t.test('it agrees with a plain list of what came', async t => {
    const seed = testSeed()
    const random = seededRandom(seed)
    const window = new DuplicateWindow()
    const came = new Set<number>()
    let newest = 0
    for (let i = 0; i < 20_000; i++) {
      const sequence = Math.max(0, newest - 80 + random.below(90))
      const isStale = came.has(sequence) || sequence <= newest - 64
      const result = window.accept(sequence & 0xffff)
      const expected = came.size > 0 && isStale ? STALE : Math.max(0, sequence - newest)
      if (came.size > 0 && result !== expected) t.fail(`SEED=${seed} step ${i}`)
      came.add(sequence)
      newest = Math.max(newest, sequence)
    }
    t.pass('20,000 packets')
  })
})

t.test('parts', async t => {
  const part = (text: string): Buffer => Buffer.from(text)

  t.test('a packet is whole when its last part is there, in any order', async t => {
    const reassembly = new Reassembly()
    t.equal(reassembly.handlePart(1, { part: 2, last: 2 }, part('c'), 0), undefined)
    t.equal(reassembly.handlePart(1, { part: 0, last: 2 }, part('a'), 0), undefined)
    t.equal(reassembly.handlePart(2, { part: 0, last: 2 }, part('x'), 0), undefined)
    t.equal(reassembly.handlePart(1, { part: 0, last: 2 }, part('z'), 0), undefined)
    t.equal(String(reassembly.handlePart(1, { part: 1, last: 2 }, part('b'), 0)), 'abc')
    t.equal(reassembly.size, 1)
  })

  t.test('what stays unfinished is bounded, the oldest goes', async t => {
    const reassembly = new Reassembly()
    for (let key = 0; key < 1_000; key++) {
      reassembly.handlePart(key, { part: 0, last: 1 }, part('a'), 0)
    }
    t.ok(reassembly.size <= 128)
    t.equal(reassembly.handlePart(0, { part: 1, last: 1 }, part('b'), 0), undefined)
    t.equal(String(reassembly.handlePart(999, { part: 1, last: 1 }, part('b'), 0)), 'ab')
  })

  t.test('large parts are bounded in bytes', async t => {
    const reassembly = new Reassembly()
    for (let key = 0; key < 200; key++) {
      reassembly.handlePart(key, { part: 0, last: 1 }, Buffer.alloc(60_000), 0)
    }
    t.ok(reassembly.size * 60_000 <= 4.1 * (1 << 20))
  })

  t.test('a packet longer than UDP allows is dropped', async t => {
    const reassembly = new Reassembly()
    const big = Buffer.alloc(40_000)
    reassembly.handlePart(1, { part: 0, last: 1 }, big, 0)
    t.equal(reassembly.handlePart(1, { part: 1, last: 1 }, big, 0), undefined)
    t.equal(reassembly.size, 0)
  })

  t.test('what is older than two seconds is given up', async t => {
    const reassembly = new Reassembly()
    reassembly.handlePart(1, { part: 0, last: 1 }, part('a'), 0)
    reassembly.handlePart(2, { part: 0, last: 1 }, part('a'), 3_000)
    t.equal(reassembly.size, 1)
  })
})

t.test('turns', async t => {
  const drain = (queue: FairQueue<string>, now: number, count = Infinity): string[] => {
    const sent: string[] = []
    queue.serve(now, bytes => {
      if (sent.length >= count) return false
      sent.push(String(bytes))
      return true
    })
    return sent
  }
  const push = (queue: FairQueue<string>, flow: string, text: string, now = 0): void => {
    queue.push(flow, Buffer.from(text), now)
  }

  t.test('flows take turns, each in its own order', async t => {
    const queue = new FairQueue<string>()
    for (const text of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) push(queue, text[0] ?? '', text)
    t.strictSame(drain(queue, 0, 2), ['a1', 'b1'])
    t.strictSame(drain(queue, 0), ['c1', 'a2', 'c2', 'a3'])
    t.ok(queue.isEmpty)
  })

  t.test('what has waited too long is dropped, not sent', async t => {
    const queue = new FairQueue<string>()
    push(queue, 'a', 'old', 0)
    push(queue, 'a', 'new', 40)
    t.strictSame(drain(queue, FAR_LIMITS.waitMs + 1), ['new'])
    t.equal(queue.dropped, 1)
  })

  t.test('on a near path more waits, and longer', async t => {
    const queue = new FairQueue<string>()
    queue.limits = NEAR_LIMITS
    for (let i = 0; i < 10_000; i++) push(queue, `${i}`, `${i}`)
    t.equal(drain(queue, NEAR_LIMITS.waitMs).length, 10_000)
    t.equal(queue.dropped, 0)
  })

  t.test('a full queue drops the oldest of the busiest flow', async t => {
    const queue = new FairQueue<string>()
    push(queue, 'game', 'game')
    for (let i = 0; i < 4_200; i++) push(queue, 'bulk', `${i}`)
    const sent = drain(queue, 0)
    t.equal(sent.length, 4_096)
    t.equal(sent[0], 'game')
    t.equal(sent[1], '105')
    t.equal(sent.at(-1), '4199')
  })

  t.test('with one packet of each flow the oldest goes', async t => {
    const queue = new FairQueue<string>()
    for (let i = 0; i < 5_000; i++) push(queue, `${i}`, `${i}`)
    const sent = drain(queue, 0)
    t.strictSame([sent.length, sent[0], sent.at(-1)], [4_096, '904', '4999'])
  })

  t.test('its bytes are bounded, too', async t => {
    const queue = new FairQueue<string>()
    for (let i = 0; i < 100; i++) queue.push('bulk', Buffer.alloc(10_000), 0)
    t.equal(drain(queue, 0).length, 52)
  })

  t.test('a closed flow leaves nothing behind', async t => {
    const queue = new FairQueue<string>()
    push(queue, 'a', 'a1')
    push(queue, 'b', 'b1')
    queue.forget('a')
    t.strictSame(drain(queue, 0), ['b1'])
    t.ok(queue.isEmpty)
  })
})

t.test('numbers', async t => {
  t.test('a number rests before it is given to another flow', async t => {
    const ids = new FlowIds()
    t.strictSame([ids.take(0), ids.take(0)], [0, 1])
    ids.release(0, 0)
    t.equal(ids.take(29_999), 2)
    t.equal(ids.take(30_000), 0)
    t.equal(ids.take(30_000), 3)
  })

  t.test('they end at 2^21, and begin again after the rest', async t => {
    const ids = new FlowIds()
    let count = 0
    for (let id = ids.take(0); id !== undefined; id = ids.take(0)) {
      count++
      ids.release(id, 0)
    }
    t.equal(count, 1 << 21)
    t.equal(ids.take(30_000), 0)
  })
})

t.test('loss', async t => {
  t.test('missing packets count as expected, late ones as received', async t => {
    const counter = new LossCounter()
    const window = new DuplicateWindow()
    for (const sequence of [1, 2, 5, 3]) counter.handlePacket(window.accept(sequence), false)
    counter.handlePacket(window.accept(4), true)
    t.match(counter, { expected: 5, received: 4 })
  })

  t.test('reports keep their distance', async t => {
    const counter = new LossCounter()
    t.equal(counter.poll(0), false)
    counter.handlePacket(1, false)
    t.equal(counter.poll(0), true)
    t.equal(counter.poll(0), false)
    counter.handlePacket(1, false)
    t.equal(counter.poll(249), false)
    t.equal(counter.deadline(), 250)
    t.equal(counter.poll(250), true)
  })

  t.test('the switch goes off on a clean link and on with the second lost packet', async t => {
    const decide = new LossSwitch()
    t.equal(decide.copies, 1)
    decide.handleReport(499, 499, 0)
    t.equal(decide.copies, 1)
    decide.handleReport(600, 600, 0)
    t.equal(decide.copies, 0)
    decide.handleReport(700, 699, 0)
    t.equal(decide.copies, 0)
    decide.handleReport(800, 797, 0)
    t.equal(decide.copies, 1)
  })

  t.test('what this side has dropped itself is no reason for copies', async t => {
    const decide = new LossSwitch()
    decide.handleReport(1_000, 1_000, 0)
    decide.handleReport(2_000, 1_500, 500)
    t.equal(decide.copies, 0)
    decide.handleReport(3_000, 2_450, 500)
    t.equal(decide.copies, 1)
  })

  t.test('reports that make no sense change nothing for long', async t => {
    const decide = new LossSwitch()
    for (const [expected, received] of [
      [0, 0],
      [0xffff_ffff, 0],
      [10, 0xffff_ffff],
      [5, 5],
    ] as const) {
      decide.handleReport(expected, received, 0)
    }
    t.ok(decide.loss <= 1 && decide.loss >= 0, `${decide.loss}`)
  })
})
