import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { labSupport } from '../../bench/lab/index.ts'
import { loadSyscalls } from '../../bench/lab/syscalls.ts'
import { Loader } from '../../bench/load/loader.ts'
import { ipv4, openUdp, UdpBatch, waitFor } from '../../bench/load/udp-batch.ts'
import { crowdScenario } from '../../bench/scenarios/crowd.ts'
import { gameScenario } from '../../bench/scenarios/game.ts'
import { sizesScenario } from '../../bench/scenarios/sizes.ts'
import { volleyScenario } from '../../bench/scenarios/volley.ts'
import type { Tunnel } from '../../bench/peers/peer.ts'
import { loopbackSite, openLabSite } from '../../bench/sites.ts'
import { parseLink } from '../../bench/link-text.ts'

const HOST = '127.0.0.1'
const skip = loadSyscalls() === undefined && 'needs koffi on Linux'
const { site } = loopbackSite('loopback')

const load = await Loader.start({ site, servicesAt: 'client' })
t.teardown(() => load.close())

/** Sends on to the echo what `fate` leaves of it, and the answers back to who asked last. */
async function door(t: Test, port: number, fate: (payload: Buffer) => Buffer[]): Promise<number> {
  const outside = createSocket('udp4')
  const inside = createSocket('udp4')
  t.teardown(() => [outside, inside].map(socket => socket.close()))
  let user = { address: HOST, port: 0 }
  outside.on('message', (payload, from) => {
    user = from
    for (const sent of fate(payload)) inside.send(sent, port, HOST)
  })
  inside.on('message', payload => outside.send(payload, user.port, user.address))
  outside.bind(0, HOST)
  await once(outside, 'listening')
  return outside.address().port
}

/** Without programs: a bare way to the echo of the load. */
function bareTunnel(port: number, services: Loader['ports']): Tunnel {
  const close = (): Promise<void> => Promise.resolve()
  return { host: HOST, ports: { ...services, datagrams: port }, programs: undefined, close }
}

t.test('a batch sends many datagrams, each from its own source', { skip }, async t => {
  const fd = openUdp(HOST)
  const service = new UdpBatch(fd)
  const user = UdpBatch.open()
  t.teardown(() => [service, user].map(socket => socket.close()))
  const heard: Socket = createSocket('udp4')
  const sources: string[] = []
  heard.on('message', (payload, { address }) => sources.push(`${payload.readUInt8(0)} ${address}`))
  heard.bind(0, HOST)
  await once(heard, 'listening')
  t.teardown(() => heard.close())
  const to = { ip: ipv4(HOST), port: heard.address().port }
  // More than fit into one call.
  for (let number = 0; number < 100; number++) {
    user.queue(to, 9, ipv4('127.9.0.1') + number).fill(number)
  }
  user.flush()
  while (sources.length < 100) await once(heard, 'message')
  t.equal(sources[0], '0 127.9.0.1')
  t.equal(sources[99], '99 127.9.0.100')
})

t.test('an echo by batches gives back what came', { skip }, async t => {
  const socket = createSocket('udp4')
  const fd = openUdp(HOST)
  const listening = once(socket, 'listening')
  socket.bind({ fd })
  await listening
  t.teardown(() => socket.close())
  const service = new UdpBatch(fd)
  const user = UdpBatch.open()
  t.teardown(() => user.close())
  const to = { ip: ipv4(HOST), port: socket.address().port }
  for (const length of [1, 100, 2000]) user.queue(to, length).fill(length & 0xff)
  user.flush()
  t.strictSame(waitFor([service, user], 5000), [true, false])
  t.equal(service.echo(), 3)
  t.strictSame(waitFor([user], 5000), [true])
  const lengths: number[] = []
  t.equal(user.receive(payload => lengths.push(payload.length)), 3)
  t.strictSame(lengths, [1, 100, 2000])
  t.equal(service.echo(), 0)
  t.equal(service.drops, 0)
})

t.test('what is no IPv4 address is refused', async t => {
  t.equal(ipv4('1.2.3.4'), 0x01020304)
  for (const text of ['::1', '1.2.3', '1.2.3.256', 'localhost']) t.throws(() => ipv4(text), text)
})

t.test('a volley counts answers, and loses what does not come back', { skip }, async t => {
  const rig = { site, load, warmUpMs: 50, measureMs: 700 }
  const straight = bareTunnel(load.ports.datagrams ?? 0, load.ports)
  const { values } = await volleyScenario.run({ ...rig, tunnel: straight })
  t.ok((values['volley-rate'] ?? 0) > 1000, `${values['volley-rate']} a second`)
  t.equal(values['volley-lost'], 0)
  t.equal(values['volley-cpu'], undefined, 'nothing is between them')
  let count = 0
  const lossy = await door(t, load.ports.datagrams ?? 0, payload => {
    // Every second one twice, every 16th never.
    return count++ % 16 === 0 ? [] : count % 2 === 0 ? [payload, payload] : [payload]
  })
  const lost = await volleyScenario.run({ ...rig, tunnel: bareTunnel(lossy, load.ports) })
  t.ok((lost.values['volley-lost'] ?? 0) > 0)
})

t.test('a crowd counts the answers of each of its players', { skip }, async t => {
  const request = {
    type: 'crowd',
    host: HOST,
    players: 60,
    perSecond: 20,
    joinsPerSecond: 1000,
    payloadBytes: 32,
    warmUpMs: 50,
    measureMs: 500,
    drainMs: 300,
    pids: [process.pid],
  } as const
  const { sent, answered, samplesMs } = await load.ask({
    ...request,
    port: load.ports.datagrams ?? 0,
  })
  t.ok(Math.abs(sent - 600) <= 60, `${sent} packets in half a second`)
  t.equal(answered, sent)
  t.equal(samplesMs.length, answered)
  t.ok(samplesMs.every(value => value >= 0 && value < 1000))
  // Players whose number is even get nothing.
  const port = await door(t, load.ports.datagrams ?? 0, payload =>
    payload.readUInt32LE(0) % 2 === 0 ? [] : [payload],
  )
  const half = await load.ask({ ...request, port })
  // Each player's second begins when he joins: their shares differ by a packet or two.
  const share = half.answered / half.sent
  t.ok(share > 0.45 && share < 0.55, `${half.answered} of ${half.sent}`)
})

t.test('sizes tells whole datagrams from cut ones', async t => {
  const port = await door(t, load.ports.datagrams ?? 0, payload => [payload.subarray(0, 8000)])
  const rig = { site, load, warmUpMs: 0, measureMs: 0 }
  const direct = bareTunnel(load.ports.datagrams ?? 0, load.ports)
  t.strictSame((await sizesScenario.run({ ...rig, tunnel: direct })).values, {
    'sizes-1400': 100,
    'sizes-8000': 100,
    'sizes-65507': 100,
  })
  const request = { type: 'sizes', host: HOST, sizes: [1400, 8001], count: 2, waitMs: 100 } as const
  t.strictSame(await load.ask({ ...request, port }), { whole: [2, 0] })
})

t.test('a tunnel without UDP says nothing about datagrams', async t => {
  const { datagrams: _none, ...ports } = load.ports
  const tunnel = { ...bareTunnel(0, load.ports), ports }
  const rig = { site, load, tunnel, warmUpMs: 0, measureMs: 0 }
  for (const scenario of [volleyScenario, crowdScenario, sizesScenario]) {
    t.strictSame(await scenario.run(rig), { values: {} }, scenario.name)
  }
})

t.test('a game past a link puts nothing there, and says nothing of it', { skip: labSupport() !== true }, async t => {
  const { link } = parseLink('rtt=4ms,rate=50m')
  const place = await openLabSite(link)
  t.teardown(() => place.close())
  const inLab = await Loader.start({ site: place.site, servicesAt: 'near' })
  t.teardown(() => inLab.close())
  const before = await place.site.link?.carried()
  t.strictSame(before, { packets: 0, bytes: 0 })
  const scenario = gameScenario({ perSecond: 60, payloadBytes: 100 })
  const tunnel = {
    ...bareTunnel(inLab.ports.datagrams ?? 0, inLab.ports),
    host: place.site.addresses.near,
  }
  const rig = { site: place.site, load: inLab, warmUpMs: 0, measureMs: 500 }
  const { values } = await scenario.run({ ...rig, tunnel })
  t.equal(values['game-60-loss'], 0)
  t.equal(values['game-60-link'], undefined)
  t.strictSame(await place.site.link?.carried(), before)
})
