import t from 'tap'
import { BASE_WINDOW_BYTES } from '../../lib/mux/frame.ts'
import { ReceiveWindow, WindowBudget } from '../../lib/mux/window.ts'

const MEGABYTE = 1_048_576
const LIMITS = { initialWindowBytes: MEGABYTE, maxWindowBytes: 6 * MEGABYTE }

t.test('a new stream announces what it has above the base of the protocol', async t => {
  const window = new ReceiveWindow(new WindowBudget(64 * MEGABYTE), LIMITS)
  t.equal(window.announce(), MEGABYTE - BASE_WINDOW_BYTES)
})

t.test('a peer may send its credit and not a byte more', async t => {
  const window = new ReceiveWindow(new WindowBudget(64 * MEGABYTE), LIMITS)
  window.announce()
  t.equal(window.receive(MEGABYTE), true)
  t.equal(window.receive(1), false)
})

t.test('an update is due when half of the window was read', async t => {
  const window = new ReceiveWindow(new WindowBudget(64 * MEGABYTE), LIMITS)
  window.announce()
  window.receive(MEGABYTE)
  t.equal(window.consume(MEGABYTE / 2 - 1), false)
  t.equal(window.consume(1), true)
})

t.test('a window that is read grows to its limit and no further', async t => {
  const window = new ReceiveWindow(new WindowBudget(64 * MEGABYTE), LIMITS)
  window.announce()
  for (const expected of [4, 6, 6]) {
    const half = window.windowBytes / 2
    window.receive(half)
    window.consume(half)
    window.update()
    t.equal(window.windowBytes, expected * MEGABYTE)
  }
})

t.test('credit and unread bytes together never exceed the window', async t => {
  const window = new ReceiveWindow(new WindowBudget(64 * MEGABYTE), LIMITS)
  window.announce()
  window.receive(MEGABYTE)
  window.consume(MEGABYTE / 2)
  t.equal(window.update(), 4 * MEGABYTE - MEGABYTE / 2)
  t.equal(window.receive(4 * MEGABYTE - MEGABYTE / 2 + 1), false)
})

t.test('many idle streams leave half of the budget to those that read', async t => {
  const budget = new WindowBudget(8 * MEGABYTE)
  const windows = Array.from({ length: 100 }, () => new ReceiveWindow(budget, LIMITS))
  t.equal(windows.at(-1)?.windowBytes, BASE_WINDOW_BYTES)
  const busy = new ReceiveWindow(budget, LIMITS)
  busy.receive(BASE_WINDOW_BYTES)
  busy.consume(BASE_WINDOW_BYTES)
  busy.update()
  t.equal(busy.windowBytes, MEGABYTE)
})

t.test('a stream that is over gives its share back', async t => {
  const budget = new WindowBudget(2 * MEGABYTE)
  for (let index = 0; index < 100; index++) {
    const window = new ReceiveWindow(budget, LIMITS)
    if (window.windowBytes !== MEGABYTE) return t.fail(`stream ${index} got too little`)
    window.release()
  }
  t.pass('every stream got its window')
})
