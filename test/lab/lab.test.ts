// The lab with real programs: what ping, TCP and a moving host see is what the spec says.

import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { natOfClass, openLab } from '../../bench/lab/index.ts'
import type { NetworkSpec } from '../../bench/lab/index.ts'
import { median, outputOf, ping, serve, skipReason } from './programs.ts'

const LEFT = '198.51.100.1'
const RIGHT = '198.51.100.2'
const LEFT6 = '2001:db8::1'
const RIGHT6 = '2001:db8::2'

const PAIR: NetworkSpec = {
  hosts: [
    { name: 'left', ip: LEFT, ip6: LEFT6 },
    { name: 'right', ip: RIGHT, ip6: RIGHT6 },
  ],
}

const withPing = { skip: skipReason('ping') }

t.test('a packet takes the delays of the links it passes, in each direction', withPing, async t => {
  const delays = { up: { delayMs: 7 }, down: { delayMs: 4 } }
  const lab = await openLab({ ...PAIR, links: { left: delays, right: delays } })
  t.teardown(() => lab.close())
  for (const ip of [RIGHT, RIGHT6]) {
    const times = await ping(lab, 'left', ip, { count: 30 })
    t.equal(times.length, 30, `all came back from ${ip}`)
    // On a busy machine most of them waited for ping itself; the router's share stands below.
    const best = Math.min(...times)
    t.ok(best >= 22 && best < 27, `the fastest took ${best} ms of 22`)
  }
  const { router, network } = await lab.stats()
  t.equal(router.refused, 0)
  t.ok(router.delivered >= 120, `${router.delivered} packets delivered`)
  t.ok(network.links['left']?.up.packets)
  if (router.isRealtime) t.ok(router.lateMs.p50 < 1, `${router.lateMs.p50} ms late at the median`)
})

t.test('a link loses the share that it is told to lose', withPing, async t => {
  const lab = await openLab({ ...PAIR, links: { right: { down: { loss: 0.25 } } } })
  t.teardown(() => lab.close())
  const fast = ['-i', '0.002', '-W', '0.2']
  const times = await ping(lab, 'left', RIGHT, { count: 200, arguments: fast })
  t.ok(times.length > 110 && times.length < 190, `${times.length} of 200 came back`)
})

t.test('a link that is down passes nothing until it is up again', withPing, async t => {
  const lab = await openLab(PAIR)
  t.teardown(() => lab.close())
  const once = { count: 1, arguments: ['-W', '0.3'] }
  await lab.setLink('right', { down: { isDown: true } })
  t.strictSame(await ping(lab, 'left', RIGHT, once), [])
  await lab.setLink('right', { down: {} })
  t.equal((await ping(lab, 'left', RIGHT, { count: 1 })).length, 1)
})

t.test('a packet longer than the MTU of a link is answered with that MTU', withPing, async t => {
  const lab = await openLab({ ...PAIR, links: { right: { down: { mtu: 1300 } } } })
  t.teardown(() => lab.close())
  const text = await outputOf(lab, 'left', [
    ...['ping', '-n', '-c', '1', '-W', '2', '-M', 'do', '-s', '1400', RIGHT],
  ])
  t.match(text, /mtu ?= ?1300/)
  const times = await ping(lab, 'left', RIGHT, { count: 2, arguments: ['-M', 'do', '-s', '1272'] })
  t.equal(times.length, 2, '1,300 bytes with their headers pass')
})

t.test('a host that moves is at its new address and no more at its old one', withPing, async t => {
  const lab = await openLab(PAIR)
  t.teardown(() => lab.close())
  const moved = { ip: '198.51.100.77', ip6: '2001:db8::77' }
  await lab.moveHost('right', moved)
  t.match(lab.hosts.get('right'), moved)
  t.equal((await ping(lab, 'left', moved.ip, { count: 2 })).length, 2)
  t.equal((await ping(lab, 'left', moved.ip6, { count: 2 })).length, 2)
  t.equal((await ping(lab, 'right', LEFT, { count: 2 })).length, 2, 'and reaches others from there')
  t.strictSame(await ping(lab, 'left', RIGHT, { count: 1, arguments: ['-W', '0.3'] }), [])
})

t.test('a host moves within its network, which its neighbours share', withPing, async t => {
  const lab = await openLab({
    hosts: [
      { name: 'left', ip: '192.168.1.10', prefix: 24 },
      { name: 'right', ip: '192.168.1.20', prefix: 24 },
    ],
  })
  t.teardown(() => lab.close())
  await lab.moveHost('right', { ip: '192.168.1.21', prefix: 24 })
  t.equal((await ping(lab, 'left', '192.168.1.21', { count: 1 })).length, 1)
  const addresses = await outputOf(lab, 'right', ['ip', '-4', '-o', 'address', 'show', 'dev', 'lab0'])
  t.match(addresses, /192\.168\.1\.21\/24/)
  t.notMatch(addresses, /192\.168\.1\.20/)
  await lab.setCut('left', 'right', true)
  t.strictSame(await ping(lab, 'left', '192.168.1.21', { count: 1, arguments: ['-W', '0.3'] }), [])
  await lab.setCut('left', 'right', false)
  t.equal((await ping(lab, 'left', '192.168.1.21', { count: 1 })).length, 1)
  await t.rejects(lab.setCut('left', 'nobody', true), /no host and no box/)
})

t.test('two hosts in one namespace go their own ways by their addresses', withPing, async t => {
  const lab = await openLab(
    {
      hosts: [
        { name: 'user', ip: '198.51.100.1' },
        { name: 'client', ip: '10.0.0.2', behind: 'home' },
        { name: 'open', ip: '203.0.113.9' },
      ],
      boxes: [{ name: 'home', nat: natOfClass('C3', ['203.0.113.1']) }],
      links: { home: { up: { delayMs: 10 } } },
    },
    { together: { open: 'client' } },
  )
  t.teardown(() => lab.close())
  t.equal(lab.hosts.get('open')?.netns, lab.hosts.get('client')?.netns)
  const outward = await ping(lab, 'client', '198.51.100.1', { count: 5 })
  t.ok(outward.length === 5 && Math.min(...outward) >= 10, 'through the NAT by default')
  const inward = await ping(lab, 'user', '203.0.113.9', { count: 5 })
  t.ok(inward.length === 5 && Math.min(...inward) < 10, 'the other address has no NAT in its way')
})

t.test('the rate of a link is what TCP gets', { skip: skipReason('iperf3') }, async t => {
  const narrow = { rateBitsPerSecond: 20_000_000, queueBytes: 100_000, delayMs: 5 }
  const lab = await openLab({ ...PAIR, links: { right: { up: narrow, down: narrow } } })
  t.teardown(() => lab.close())
  await serve(lab, 'right', ['iperf3', '-s', '--forceflush'])
  for (const direction of [[], ['-R']]) {
    const text = await outputOf(lab, 'left', ['iperf3', '-J', '-t', '1', ...direction, '-c', RIGHT])
    const megabits = JSON.parse(text).end.sum_received.bits_per_second / 1e6
    t.ok(megabits > 13 && megabits <= 20, `${megabits.toFixed(1)} of 20 Mbit/s`)
  }
})

t.test('several labs stand beside each other', withPing, async t => {
  const labs = await Promise.all([openLab(PAIR), openLab(PAIR)])
  t.teardown(() => Promise.all(labs.map(lab => lab.close())))
  const [first, second] = labs
  await first.setLink('left', { up: { delayMs: 20 } })
  const [slow, fast] = await Promise.all(labs.map(lab => ping(lab, 'left', RIGHT, { count: 10 })))
  t.ok(median(slow ?? []) > 20)
  t.ok(median(fast ?? []) < 20)
  await first.close()
  t.equal((await ping(second, 'left', RIGHT, { count: 1 })).length, 1, 'one goes, the other stays')
})

t.test('what the model refuses rejects, and the lab goes on', { skip: skipReason() }, async t => {
  const lab = await openLab(PAIR)
  t.teardown(() => lab.close())
  await t.rejects(lab.setLink('nobody', { up: {} }), { name: 'RangeError', message: /nobody/ })
  await t.rejects(lab.resetNat('left'), { name: 'RangeError' })
  await t.rejects(lab.moveHost('left', { ip: 'no address' }), { name: 'RangeError' })
  t.throws(() => lab.command('nobody', ['true']), { name: 'RangeError', message: /nobody/ })
  t.equal((await lab.stats()).router.refused, 0)
})

t.test('a wrong spec makes nothing', { skip: skipReason() }, async t => {
  const behindNobody = { hosts: [{ name: 'a', ip: LEFT, behind: 'nobody' }] }
  await t.rejects(openLab(behindNobody), { name: 'RangeError' })
  await t.rejects(openLab({ hosts: [{ name: 'a b', ip: LEFT }] }), /host name "a b"/)
  await t.rejects(openLab(PAIR, { together: { left: 'nobody' } }), /namespace of "nobody"/)
})

t.test('closing ends what runs inside and leaves no namespace', { skip: skipReason() }, async t => {
  const lab = await openLab(PAIR)
  const child = await serve(lab, 'left', ['sh', '-c', 'echo started; exec sleep 1000'])
  const childEnd = once(child, 'exit')
  const names = [...lab.hosts.values()].map(({ netns }) => netns)
  t.ok(names.every(name => existsSync(`/run/netns/${name}`)))
  await Promise.all([lab.close(), lab.close()])
  t.strictSame(await childEnd, [null, 'SIGKILL'])
  t.notOk(names.some(name => existsSync(`/run/netns/${name}`)))
  t.strictSame(await lab.closed, { type: 'closed' })
  await t.rejects(lab.stats(), /the lab is closed/)
})

t.test('a lab whose router dies says so, and still goes whole', { skip: skipReason() }, async t => {
  const lab = await openLab(PAIR)
  t.teardown(() => lab.close())
  process.kill(onlyChild(), 'SIGKILL')
  await t.rejects(lab.stats(), /router failed: SIGKILL/)
  t.match(await lab.closed, { type: 'failed', error: { message: /router failed: SIGKILL/ } })
  await t.rejects(lab.resetNat('left'), /router failed/)
  const names = [...lab.hosts.values()].map(({ netns }) => netns)
  await lab.close()
  t.notOk(names.some(name => existsSync(`/run/netns/${name}`)))
})

/** Tests of one file run one after the other: this process has no other child. */
function onlyChild(): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').trim())
}
