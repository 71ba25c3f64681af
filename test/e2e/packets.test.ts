import { randomBytes } from 'node:crypto'
import t from 'tap'
import { PacketOpener, PacketSealer, ReplayWindow, SEAL_BYTES } from '../../lib/e2e/packets.ts'
import { seededRandom, testSeed } from '../support/random.ts'

const key = randomBytes(32)
const bound = Buffer.from('ann')

t.test('a sealed packet opens once, in any order', async t => {
  const sealer = new PacketSealer(key)
  const opener = new PacketOpener(key)
  const packets = ['a', '', 'c'.repeat(65_507)].map(text => sealer.seal(Buffer.from(text), bound))
  t.equal(packets[1]?.length, SEAL_BYTES)
  const texts = [
    [2, 'c'.repeat(65_507)],
    [0, 'a'],
    [1, ''],
  ] as const
  for (const [i, text] of texts) {
    const packet = packets[i] ?? Buffer.alloc(0)
    t.equal(opener.open(packet, bound)?.toString(), text)
    t.equal(opener.open(packet, bound), undefined, 'not twice')
  }
})

t.test('changed, cut, foreign and misdirected packets are dropped, and spend nothing', async t => {
  const packet = new PacketSealer(key).seal(Buffer.from('hello'), bound)
  const opener = new PacketOpener(key)
  for (let i = 0; i < packet.length; i++) {
    const changed = Buffer.from(packet)
    changed[i] = (changed[i] ?? 0) ^ 0x80
    t.equal(opener.open(changed, bound), undefined, `byte ${i}`)
    t.equal(opener.open(packet.subarray(0, i), bound), undefined, `${i} bytes`)
  }
  t.equal(opener.open(packet, Buffer.from('bob')), undefined, 'of another user')
  t.equal(new PacketOpener(randomBytes(32)).open(packet, bound), undefined, 'of another key')
  t.equal(opener.open(packet, bound)?.toString(), 'hello')
})

t.test('the replay window agrees with a plain set, whatever the order', async t => {
  const seed = testSeed()
  const random = seededRandom(seed)
  const window = new ReplayWindow()
  const seen = new Set<number>()
  let newest = -1
  let wrong = 0
  for (let i = 0; i < 50_000; i++) {
    const jump = random.below(1_000) === 0 ? 10_000 : 40
    const count = Math.max(0, newest - jump / 2 + random.below(jump))
    const isOld = newest - count >= 127 * 32
    if (window.isNew(count) !== (!seen.has(count) && !isOld)) wrong++
    if (window.isNew(count)) window.note(count)
    seen.add(count)
    newest = Math.max(newest, count)
  }
  t.equal(wrong, 0, `seed ${seed}`)
})
