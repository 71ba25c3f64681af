// Which streams are asked before quiche's list is.

import t from 'tap'
import { RecentReaders, type Reader } from '../../lib/quic/recent-readers.ts'

interface Rig {
  readonly readers: RecentReaders
  readonly readable: Set<number>
  readonly pulled: number[]
  reader(id: number): Reader & { destroyed: boolean }
}

function rig(): Rig {
  const readable = new Set<number>()
  const pulled: number[] = []
  const readers = new RecentReaders({ streamReadable: id => readable.has(id) })
  return {
    readers,
    readable,
    pulled,
    reader: id => ({
      id,
      destroyed: false,
      pull: () => {
        pulled.push(id)
      },
    }),
  }
}

t.test('who had bytes before is asked again, and pulls only where there are some', async t => {
  const { readers, readable, pulled, reader } = rig()
  readers.remember(reader(4))
  readers.remember(reader(8))
  readable.add(8)
  readers.serve()
  t.strictSame(pulled, [8])
})

t.test('a few are remembered, those of the last time', async t => {
  const { readers, readable, pulled, reader } = rig()
  for (let id = 0; id < 40; id += 4) {
    readers.remember(reader(id))
    readable.add(id)
  }
  readers.serve()
  t.strictSame(pulled, [24, 28, 32, 36])
})

t.test('a stream is remembered once, and not after it is gone', async t => {
  const { readers, readable, pulled, reader } = rig()
  const [first, second, third] = [reader(0), reader(4), reader(8)]
  for (const one of [first, second, third, first]) {
    readers.remember(one)
    readable.add(one.id)
  }
  readers.forget(second)
  third.destroyed = true
  readers.serve()
  t.strictSame(pulled, [0])
})

t.test('one that takes another out while it is served does no harm', async t => {
  const { readers, readable, pulled, reader } = rig()
  const victim = reader(4)
  const killer: Reader = {
    id: 0,
    destroyed: false,
    pull: () => {
      pulled.push(0)
      victim.destroyed = true
      readers.forget(victim)
    },
  }
  readers.remember(killer)
  readers.remember(victim)
  for (const id of [0, 4]) readable.add(id)
  readers.serve()
  t.strictSame(pulled, [0])
})
