// Bytes of a user who does not wait until his stream is agreed on.

import { once } from 'node:events'
import { Duplex, PassThrough } from 'node:stream'
import t from 'tap'
import { FirstBytes } from '../../lib/visitor/first-bytes.ts'
import { duplexPair } from '../support/duplex-pair.ts'

const tick = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

t.test('what has come and what comes is sent, and to a second stream from its beginning', async t => {
  const [client, user] = duplexPair()
  client.write('one ')
  await tick()
  const first = new FirstBytes(user)
  const [lost, kept] = [new PassThrough(), new PassThrough()]
  first.sendTo(lost)
  client.write('two ')
  await tick()
  t.equal(String(lost.read()), 'one two ')
  first.sendTo(kept)
  client.write('three')
  await tick()
  t.equal(String(kept.read()), 'one two three')
  t.equal(lost.read(), null)
})

t.test('who is not asked for reads nothing', async t => {
  const [client, user] = duplexPair()
  client.write('all of it')
  await tick()
  new FirstBytes(user).stop()
  t.equal(String(user.read()), 'all of it')
})

t.test('it stops at its bound and where it is told to; the rest is still with the user', async t => {
  let left = 20
  const user = new Duplex({
    read() {
      this.push(left-- > 0 ? Buffer.alloc(10_000, 'x') : null)
    },
  })
  const first = new FirstBytes(user)
  const stream = new PassThrough({ highWaterMark: 1_000_000 })
  first.sendTo(stream)
  for (let i = 0; i < 50; i++) await tick()
  const early = stream.readableLength
  t.equal(early, 65_536)
  first.stop()
  let late = 0
  user.on('data', (chunk: Buffer) => (late += chunk.length))
  await once(user, 'end')
  t.equal(early + late, 200_000)
})

t.test('a user who has ended has ended', async t => {
  const [client, user] = duplexPair()
  client.end('that is all')
  await tick()
  const first = new FirstBytes(user)
  const stream = new PassThrough()
  first.sendTo(stream)
  await tick()
  first.stop()
  t.equal(String(stream.read()), 'that is all')
  t.ok(user.readableEnded)
})
