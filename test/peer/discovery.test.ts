import t, { type Test } from 'tap'
import { systemClock } from '../../lib/clock.ts'
import { silentLogger } from '../../lib/log.ts'
import { discoverNat, parseStunServers } from '../../lib/peer/discovery.ts'
import { PeerPort } from '../../lib/peer/port.ts'
import { StunService } from '../../lib/server/stun.ts'
import { configOf } from '../server/scripted-peer.ts'

interface Site {
  readonly port: PeerPort
  readonly service: StunService
  /** The second port of STUN: it answers by itself; the first one is QUIC's. */
  readonly server: { readonly host: string; readonly port: number }
}

async function openSite(t: Test): Promise<Site> {
  const service = new StunService({
    config: configOf({ stunOtherAddr: '127.0.0.2' }),
    clock: systemClock,
    log: silentLogger,
  })
  await service.start({ ip: '127.0.0.1', port: 7000 })
  const port = await PeerPort.open({ ip: '127.0.0.1', port: 0 })
  t.teardown(() => Promise.all([port.close(), service.close()]))
  return { port, service, server: { host: '127.0.0.1', port: service.ports.stun_second_port } }
}

const common = { clock: systemClock, log: silentLogger }

t.test('on loopback there is no NAT, and the port is the one that was asked about', async t => {
  const { port, server } = await openSite(t)
  const { profile, candidates, servers, samples } = await discoverNat({
    ...common,
    port,
    servers: [server],
    tests: 'mapping',
  })
  t.match(profile, { udp: true, mapping: 'none', externalIps: ['127.0.0.1'] })
  t.strictSame(samples[0]?.mapped, { ip: '127.0.0.1', port: port.address.port })
  t.match(servers, [{ server: { port: server.port }, mapped: { port: port.address.port } }])
  t.ok(candidates.every(({ type }) => type === 'host' || type === 'srflx'))
})

t.test('the filter test goes over whatever can ask, and throw-away sockets are closed', async t => {
  const { port, server, service } = await openSite(t)
  const { profile } = await discoverNat({
    ...common,
    port,
    servers: [{ ...server, hasFilterTest: true }],
    requestFilterTest: async id => {
      const answer = await service.test('run', {
        type: 'StunTest',
        transaction_id: id,
        server_ip: '127.0.0.1',
      })
      return { fromOtherPort: answer.from_other_port, fromOtherIp: answer.from_other_ip }
    },
  })
  const other = service.ports.stun_other_port === 0 ? 'address-dependent' : 'endpoint-independent'
  t.equal(profile.filtering, other)
  t.equal(port.portOf(1), 0)
  t.equal(port.portOf(0), port.address.port)
})

t.test('a control channel that fails leaves the filter unknown', async t => {
  const { port, server } = await openSite(t)
  const { profile } = await discoverNat({
    ...common,
    port,
    servers: [{ ...server, hasFilterTest: true }],
    requestFilterTest: () => Promise.reject(new Error('the session is over')),
  })
  t.equal(profile.filtering, undefined)
  t.equal(profile.mapping, 'none')
})

t.test('what is known after the first answer is told at once', async t => {
  const { port, server } = await openSite(t)
  const updates: boolean[] = []
  await discoverNat({
    ...common,
    port,
    servers: [server],
    onUpdate: ({ profile }) => void updates.push(profile.udp),
  })
  t.equal(updates[0], true)
})

t.test('a name that does not exist is passed over, with a warning', async t => {
  const { port, server } = await openSite(t)
  const warnings: string[] = []
  const log = { ...silentLogger, warn: (text: string) => void warnings.push(text) }
  const servers = [{ host: 'stun.invalid', port: 3478 }, server]
  const { profile } = await discoverNat({ ...common, log, port, servers, tests: 'mapping' })
  t.equal(profile.udp, true)
  t.match(warnings, [/the STUN server stun\.invalid cannot be resolved/])
})

t.test('a discovery that is given up ends with ABORTED and leaves nothing open', async t => {
  const { port } = await openSite(t)
  const giving = new AbortController()
  const silent = [{ host: '127.0.0.1', port: 9 }]
  const running = discoverNat({ ...common, port, servers: silent, signal: giving.signal })
  setImmediate(() => giving.abort())
  await t.rejects(running, { code: 'ABORTED' })
  const again = discoverNat({ ...common, port, servers: silent, signal: giving.signal })
  await t.rejects(again, { code: 'ABORTED' })
})

t.test('server lists are read as people write them', async t => {
  t.strictSame(parseStunServers('stun.example.com:3479'), [
    { host: 'stun.example.com', port: 3479 },
  ])
  t.strictSame(parseStunServers(' a.example , b.example:1 192.0.2.1 [2001:db8::1]:5 2001:db8::2'), [
    { host: 'a.example', port: 3478 },
    { host: 'b.example', port: 1 },
    { host: '192.0.2.1', port: 3478 },
    { host: '2001:db8::1', port: 5 },
    { host: '2001:db8::2', port: 3478 },
  ])
  t.strictSame(parseStunServers(''), [])
})
