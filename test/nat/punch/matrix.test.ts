// Seeded runs of every pair of NAT classes; a failure names the seeds that replay it. matrix.ts
// prints the whole table, with as many runs as one likes.

import t, { type Test } from 'tap'
import { quantile, runCell, type Cell } from './matrix.ts'
import {
  PEER_RTT_MS,
  SERVER_RTT_MS,
  startPair,
  timeToDirect,
  type SideClass,
} from '../../sim/punch-pair.ts'

const EASY: readonly SideClass[] = ['P', 'C1', 'C2', 'C3', 'N']

function opensAlways(test: Test, cell: Cell, name: string): void {
  test.strictSame(cell.failedSeeds, [], `${name}: seeds that failed`)
}

for (const [loss, runs] of [[0, 8], [0.02, 30], [0.1, 50]] as const) {
  t.test(`easy pairs open within 2 s, always, with ${100 * loss} % loss on each line`, async t => {
    for (const visitor of EASY) {
      for (const owner of EASY) {
        const cell = runCell(visitor, owner, { runs, loss, withinMs: 2000 })
        opensAlways(t, cell, `${visitor} x ${owner}`)
      }
    }
  })
}

t.test('two ordinary home routers: two round trips to frps and one to the peer', async t => {
  const bestMs = 2 * SERVER_RTT_MS + PEER_RTT_MS
  const clean = runCell('C3', 'C3', { runs: 20, withinMs: 2000 })
  t.ok(quantile(clean.times, 0.5) <= bestMs + 20, `${quantile(clean.times, 0.5)} ms`)
  t.ok(quantile(clean.sent, 0.5) <= 12, `${quantile(clean.sent, 0.5)} datagrams`)
  const lossy = runCell('C3', 'C3', { runs: 200, loss: 0.02, withinMs: 2000 })
  t.ok(quantile(lossy.times, 0.95) <= 300, `${quantile(lossy.times, 0.95)} ms with 2 % loss`)
})

t.test('who lets everybody in, or whoever he called, meets any NAT within a second', async t => {
  for (const open of ['P', 'C1', 'C2'] as const) {
    for (const hard of ['S1', 'S2', 'S3'] as const) {
      opensAlways(t, runCell(open, hard, { runs: 10, withinMs: 1000 }), `${open} x ${hard}`)
      opensAlways(t, runCell(hard, open, { runs: 10, withinMs: 1000 }), `${hard} x ${open}`)
    }
  }
})

t.test('a counting NAT is foreseen within a second, whatever others take', async t => {
  for (const [visitor, owner] of [['C3', 'S1'], ['S1', 'C3']] as const) {
    for (const ageMs of [0, 25_000]) {
      const cell = runCell(visitor, owner, { runs: 25, ageMs, withinMs: 1000 })
      opensAlways(t, cell, `${visitor} x ${owner}, a sample of ${ageMs} ms ago`)
      t.strictSame(cell.techniques, new Set(['predicted']))
    }
  }
})

t.test('two counting NATs meet in step', async t => {
  const fresh = runCell('S1', 'S1', { runs: 60, withinMs: 3000 })
  opensAlways(t, fresh, 'a fresh sample')
  const old = runCell('S1', 'S1', { runs: 40, ageMs: 25_000, loss: 0.02, withinMs: 3000 })
  t.ok(old.opened >= 0.9 * old.runs, `${old.opened} of ${old.runs} with an old one and 2 % loss`)
})

t.test('a block is found within 1.5 s and 300 datagrams', async t => {
  for (const [visitor, owner] of [['C3', 'S2'], ['S2', 'C3']] as const) {
    const cell = runCell(visitor, owner, { runs: 25, withinMs: 1500 })
    opensAlways(t, cell, `${visitor} x ${owner}`)
    t.ok((cell.sent.at(-1) ?? Infinity) <= 300, `${cell.sent.at(-1)} datagrams`)
  }
})

t.test('a random port is found within 10 s and 2,048 guesses', async t => {
  for (const [visitor, owner] of [['C3', 'S3'], ['S3', 'C3']] as const) {
    const cell = runCell(visitor, owner, { runs: 25, withinMs: 10_000 })
    opensAlways(t, cell, `${visitor} x ${owner}`)
    t.ok(quantile(cell.times, 0.5) <= 1600, `${quantile(cell.times, 0.5)} ms`)
    t.ok((cell.sent.at(-1) ?? Infinity) <= 2100, `${cell.sent.at(-1)} datagrams`)
  }
})

t.test('what cannot be found is known at once, and hardly anything is sent', async t => {
  for (const [visitor, owner] of [['S3', 'S3'], ['S1', 'S3'], ['S3', 'S1']] as const) {
    const pair = startPair(visitor, owner)
    t.equal(timeToDirect(pair, 3000), undefined)
    for (const side of [pair.visitor, pair.owner]) {
      t.match(side.reason, /chooses? ports at random/)
      t.ok(side.sent <= 4, `${side.sent} datagrams`)
      t.notOk(side.events.some(({ type }) => type === 'ask-token'))
    }
  }
})
