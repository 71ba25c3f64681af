// The streams of a peer connection's users.

import { once } from 'node:events'
import t from 'tap'
import { TunnelError } from '../../lib/errors.ts'
import { PeerUsers } from '../../lib/peer/peer-users.ts'
import { memoryPair } from '../../lib/transport/memory.ts'
import type { Stream } from '../../lib/transport/transport.ts'

async function streams(count: number): Promise<Stream[]> {
  const [client, server] = memoryPair()
  server.onStream(stream => stream.on('error', () => {}))
  return Promise.all(
    Array.from({ length: count }, async () => {
      const stream = await client.openStream()
      stream.on('error', () => {})
      return stream
    }),
  )
}

t.test('the last one who leaves is told', async t => {
  const users = new PeerUsers()
  let idle = 0
  users.onIdle = () => idle++
  const [one, other] = await streams(2)
  if (one === undefined || other === undefined) throw new Error('there are two')
  users.add(one, 'bytes')
  users.add(other, 'bytes')
  t.equal(users.size, 2)
  const closed = once(one, 'close')
  one.destroy()
  await closed
  t.equal(idle, 0)
  users.drop(new TunnelError('SESSION_CLOSED', 'no way'))
  await new Promise<void>(resolve => setImmediate(resolve))
  t.equal(idle, 1)
  t.equal(users.size, 0)
})

t.test('bytes that have moved are progress, and packets always', async t => {
  const users = new PeerUsers()
  t.notOk(users.takeProgress(), 'nobody is there')
  const [stream, packets] = await streams(2)
  if (stream === undefined || packets === undefined) throw new Error('there are two')
  const counted = Object.assign(stream, { bytesRead: 10, bytesWritten: 0 })
  users.add(counted, 'bytes')
  t.ok(users.takeProgress())
  t.notOk(users.takeProgress())
  counted.bytesWritten = 1
  t.ok(users.takeProgress())
  users.add(packets, 'packets')
  t.ok(users.takeProgress())
  t.ok(users.takeProgress())
  users.drop(new TunnelError('SESSION_CLOSED', 'the end'))
})
