import t from 'tap'
import { isWorthMoving, scoreOf, type Measured } from '../../../nat/path/choice.ts'
import type { PathKind } from '../../../nat/index.ts'

const KINDS: readonly PathKind[] = ['lan', 'v6', 'v4']

function path(kind: PathKind, rttMs: number): Measured {
  return { kind, rttMs }
}

t.test('a move wants 5 ms, or a tenth', async t => {
  t.equal(isWorthMoving(path('v4', 25.1), path('v4', 30)), false)
  t.equal(isWorthMoving(path('v4', 25), path('v4', 30)), true)
  t.equal(isWorthMoving(path('v4', 181), path('v4', 200)), false)
  t.equal(isWorthMoving(path('v4', 180), path('v4', 200)), true)
})

t.test('a LAN, then IPv6, is better where it is as near within 3 ms', async t => {
  t.equal(isWorthMoving(path('lan', 23), path('v4', 20)), true)
  t.equal(isWorthMoving(path('lan', 23.1), path('v4', 20)), false)
  t.equal(isWorthMoving(path('v6', 20), path('v4', 18)), true)
  t.equal(isWorthMoving(path('v4', 18), path('v6', 20)), false)
})

t.test('no two paths are each worth a move from the other', async t => {
  for (const one of KINDS) {
    for (const other of KINDS) {
      for (let rttMs = 0; rttMs <= 120; rttMs += 0.5) {
        const [a, b] = [path(one, rttMs), path(other, 60)]
        if (isWorthMoving(a, b) && isWorthMoving(b, a)) t.fail(`${one} ${rttMs}, ${other} 60`)
      }
    }
  }
  t.pass()
})

t.test('among several the nearest comes first, and the kind decides between equals', async t => {
  const paths = [path('v4', 20), path('lan', 22), path('v6', 90), path('v6', 19)]
  const order = [...paths].sort((one, other) => scoreOf(one) - scoreOf(other))
  t.strictSame(order.map(({ kind, rttMs }) => `${kind} ${rttMs}`), [
    'lan 22',
    'v6 19',
    'v4 20',
    'v6 90',
  ])
})
