// A connection of nobody's, from a socket of this machine to an echo of the other one's.

import { once } from 'node:events'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import t from 'tap'
import { rehearse, serveRehearsal } from '../../lib/stream/rehearsal.ts'
import { splice } from '../../lib/stream/splice.ts'
import { duplexPair } from '../support/duplex-pair.ts'

/** Counts what passes to the end with the service. */
function counted(stream: Duplex): { bytes: number } {
  const count = { bytes: 0 }
  stream.on('data', (chunk: Buffer) => (count.bytes += chunk.length))
  return count
}

t.test('one byte goes to the other end and back, and nothing stays open', async t => {
  const [near, far] = duplexPair()
  const count = counted(near)
  let port = 0
  const serving = serveRehearsal(async at => {
    port = at
    const local = net.connect({ port: at, host: '127.0.0.1', allowHalfOpen: true })
    await once(local, 'connect')
    await splice(far, local, { halfClose: true })
  })
  await rehearse(user => void splice(user, near, { halfClose: true }))
  await serving
  t.equal(count.bytes, 1)
  const late = net.connect({ port, host: '127.0.0.1' })
  await t.rejects(once(late, 'connect'), { code: 'ECONNREFUSED' })
})

t.test('an end that is not reached is no error', async t => {
  await rehearse(user => user.destroy())
  t.pass('it is over')
})

t.test('who cannot join is heard, and the echo is gone', async t => {
  let port = 0
  const serving = serveRehearsal(async at => {
    port = at
    throw new Error('no')
  })
  await t.rejects(serving, { message: 'no' })
  const late = net.connect({ port, host: '127.0.0.1' })
  await t.rejects(once(late, 'connect'), { code: 'ECONNREFUSED' })
})
