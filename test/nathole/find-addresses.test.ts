import t, { type Test } from 'tap'
import type { Address } from '../../lib/address.ts'
import { systemClock } from '../../lib/clock.ts'
import { findAddresses } from '../../lib/nathole/find-addresses.ts'
import { HoleSockets } from '../../lib/nathole/hole-sockets.ts'
import { stunServer } from './stun-server.ts'

async function find(
  t: Test,
  servers: readonly string[],
  signal = new AbortController().signal,
): Promise<{ readonly found: Promise<readonly Address[]>; readonly port: number }> {
  const sockets = await HoleSockets.open()
  t.teardown(() => sockets.close())
  const found = findAddresses(sockets, { servers, clock: systemClock, signal })
  return { found, port: sockets.port }
}

t.test('one server is asked on both of its addresses, and no second server', async t => {
  const [first, second] = [await stunServer(t), await stunServer(t)]
  const { found, port } = await find(t, [first.address, second.address])
  const mapped = { ip: '127.0.0.1', port }
  t.strictSame(await found, [mapped, mapped])
  t.equal(new Set(first.asked).size, 2)
})

t.test('where a server has one address the next one is asked', async t => {
  const [first, second] = [await stunServer(t, { hasOther: false }), await stunServer(t)]
  const { found } = await find(t, [first.address, second.address])
  t.equal((await found).length, 2)
  t.ok(second.asked.length > 0)
})

t.test('a server that is silent, or none, is made up for by the next', async t => {
  const [silent, good] = [await stunServer(t, { isSilent: true }), await stunServer(t)]
  const { found } = await find(t, [':1', silent.address, good.address])
  t.equal((await found).length, 2)
})

t.test('what is missing is said in words', async t => {
  const one = await stunServer(t, { hasOther: false })
  const alone = await find(t, [one.address, one.address])
  await t.rejects(alone.found, { code: 'CONNECT_FAILED', detail: /no second address/ })
  const silent = await stunServer(t, { isSilent: true })
  const blocked = await find(t, [silent.address])
  await t.rejects(blocked.found, { code: 'TIMED_OUT', detail: /is UDP blocked/ })
  const nowhere = await find(t, ['', ':3478', '127.0.0.1:99999'])
  await t.rejects(nowhere.found, { code: 'CONNECT_FAILED', detail: /no STUN server/ })
})

t.test('it can be given up', async t => {
  const silent = await stunServer(t, { isSilent: true })
  const gone = new AbortController()
  const { found } = await find(t, [silent.address], gone.signal)
  gone.abort()
  await t.rejects(found, { code: 'ABORTED' })
})
