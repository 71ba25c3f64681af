import t from 'tap'
import {
  DATA_SHARDS,
  PARITY_SHARDS,
  ParitySum,
  recoverData,
  SHARDS,
} from '../../lib/kcp/reed-solomon.ts'
import { seededRandom } from '../support/random.ts'

function parityOf(data: readonly Buffer[]): Buffer[] {
  const sum = new ParitySum(1_500)
  for (const [index, shard] of data.entries()) sum.add(index, shard, 0, shard.length)
  return Array.from({ length: PARITY_SHARDS }, (_, parity) => {
    const bytes = Buffer.alloc(sum.length)
    sum.write(parity, bytes, 0)
    return bytes
  })
}

t.test('parity is that of klauspost/reedsolomon', async t => {
  const data = Array.from({ length: DATA_SHARDS }, (_, shard) =>
    Buffer.from(Array.from({ length: 16 }, (_, at) => shard * 31 + at * 7 + 1)),
  )
  t.strictSame(
    parityOf(data).map(shard => shard.toString('hex')),
    [
      '0b174524e32a0ebca0f27dca46110a3b',
      '8cb464cec271ef8e41bf1c5d678264e4',
      '8c3b832af68e57702286a6dd6026a588',
    ],
  )
})

t.test('any three of thirteen may be lost', async t => {
  const { bytes } = seededRandom(1)
  const data = Array.from({ length: DATA_SHARDS }, () => bytes(50))
  const all = [...data, ...parityOf(data)]
  let patterns = 0
  const wrong: string[] = []
  const lose = (lost: readonly number[]): void => {
    patterns++
    const left = all.map((shard, index) => (lost.includes(index) ? undefined : shard))
    const recovered = recoverData(left, 50)
    const missing = lost.filter(index => index < DATA_SHARDS)
    const isRight =
      recovered.size === missing.length &&
      missing.every(index => recovered.get(index)?.equals(data[index] ?? Buffer.alloc(0)))
    if (!isRight) wrong.push(lost.join(' '))
    if (lost.length === PARITY_SHARDS) return
    for (let next = (lost.at(-1) ?? -1) + 1; next < SHARDS; next++) lose([...lost, next])
  }
  lose([])
  t.strictSame(wrong, [])
  t.equal(patterns, 1 + 13 + 78 + 286)
})

t.test('with four lost there is nothing to recover', async t => {
  const shards = Array.from({ length: SHARDS }, (_, index) => {
    return index < 4 ? undefined : Buffer.alloc(8)
  })
  t.equal(recoverData(shards, 8).size, 0)
})
