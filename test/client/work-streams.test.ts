import t from 'tap'
import { WorkStreams } from '../../lib/client/work-streams.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLogger } from '../../lib/log.ts'
import { memoryPair } from '../../lib/transport/memory.ts'
import { encodeMessage } from '../../lib/wire/codec.ts'
import { duplexPair } from '../support/duplex-pair.ts'

t.test('everybody who waits for the users hears that the last one has left', async t => {
  const [session] = memoryPair()
  t.teardown(() => session.close())
  let leave = (): void => {}
  const ended = new Promise<void>(resolve => {
    leave = resolve
  })
  const traffic = { bytesToLocal: 0, bytesToUser: 0 }
  const streams = new WorkStreams({
    session,
    clock: systemClock,
    log: silentLogger,
    newWorkConn: () => ({ type: 'NewWorkConn' }),
    join: async () => ({ ended: ended.then(() => traffic) }),
  })
  const [near, far] = duplexPair()
  far.write(encodeMessage({ type: 'StartWorkConn', proxy_name: 'ssh' }))
  await streams.accept(near)
  // The client is being closed, and then its session is lost.
  const closing = streams.drain()
  const lost = streams.drain()
  leave()
  await Promise.all([closing, lost])
  t.pass('both resolved')
})
