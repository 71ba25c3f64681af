import t from 'tap'
import { GatewayClient } from '../../../nat/portmap/gateway-client.ts'
import type { GatewayAnswer, GatewayCodec } from '../../../nat/portmap/gateway-codec.ts'

/** Messages as JSON, so that a test reads what is said. */
const codec: GatewayCodec = {
  protocol: 'nat-pmp',
  probe: () => Buffer.from('probe'),
  map: request => Buffer.from(JSON.stringify(request)),
  decode: data => JSON.parse(data.toString()) as GatewayAnswer, // Only what `say` has written.
}

const HOUR = 3_600_000

function open(): GatewayClient {
  return new GatewayClient(codec, { internalPort: 5000 }, 0)
}

function say(client: GatewayClient, answer: GatewayAnswer, now: number): void {
  client.handleDatagram(Buffer.from(JSON.stringify(answer)), now)
}

function alive(epochSeconds: number, externalIp = '198.51.100.7'): GatewayAnswer {
  return { type: 'alive', epochSeconds, externalIp }
}

function mapped(epochSeconds: number, leaseSeconds = 7200, externalPort = 5000): GatewayAnswer {
  const ports = { internalPort: 5000, externalPort }
  return { type: 'mapped', epochSeconds, ...ports, externalIp: undefined, leaseSeconds }
}

/** What is sent until `end`, with its time; the driver's loop. */
function run(client: GatewayClient, from: number, end: number): [number, string][] {
  const sent: [number, string][] = []
  for (let now = from; now <= end; ) {
    const data = client.poll(now)
    if (data) {
      sent.push([now, data.toString().includes('leaseSeconds":0') ? 'unmap' : data.toString()])
      continue
    }
    const next = client.deadline()
    if (next === undefined) break
    now = Math.max(now + 1, next)
  }
  return sent.map(([at, text]) => [at, text.startsWith('{') ? 'map' : text])
}

/** A client that has a mapping since time 2. */
function mappedClient(): GatewayClient {
  const client = open()
  run(client, 0, 0)
  say(client, alive(1000), 1)
  client.map(1)
  run(client, 1, 1)
  say(client, mapped(1000), 2)
  return client
}

t.test('a gateway that is silent is asked twice and given up after 250 ms', async t => {
  const client = open()
  t.strictSame(run(client, 0, 10_000), [
    [0, 'probe'],
    [100, 'probe'],
  ])
  t.equal(client.report.phase, 'absent')
  t.equal(client.deadline(), undefined)
  say(client, alive(1), 11_000)
  t.equal(client.report.phase, 'absent', 'an answer that late belongs to nothing')
})

t.test('a request for a mapping is repeated, and refused when nobody answers', async t => {
  const client = open()
  run(client, 0, 0)
  say(client, alive(1000), 5)
  t.equal(client.report.phase, 'available')
  client.map(5)
  t.strictSame(run(client, 5, 10_000), [
    [5, 'map'],
    [255, 'map'],
    [755, 'map'],
  ])
  t.match(client.report, { phase: 'refused', reason: /did not answer/ })
})

t.test('a granted mapping has the address of the probe and the port of the gateway', async t => {
  const client = open()
  run(client, 0, 0)
  say(client, alive(1000), 1)
  client.map(1)
  run(client, 1, 1)
  say(client, mapped(1000, 7200, 6001), 2)
  t.strictSame(client.mapping, {
    protocol: 'nat-pmp',
    internalPort: 5000,
    external: { ip: '198.51.100.7', port: 6001 },
  })
})

t.test('the gateway is asked every ten minutes, and a lease is renewed at half', async t => {
  const client = mappedClient()
  const sent: [number, string][] = []
  for (let i = 1; i < 6; i++) {
    sent.push(...run(client, 2, 2 + i * 600_000))
    say(client, alive(1000 + i * 600), 3 + i * 600_000)
  }
  t.strictSame(
    sent,
    [1, 2, 3, 4, 5].map(i => [2 + i * 600_000, 'probe']),
  )
  t.strictSame(run(client, 2, 2 + HOUR), [[2 + HOUR, 'map']])
  say(client, mapped(1000 + 3600), 3 + HOUR)
  t.strictSame(run(client, 3, HOUR + 500_000), [])
  t.ok(client.mapping)
})

t.test('a gateway that has restarted is asked for the mapping at once', async t => {
  const client = mappedClient()
  run(client, 2, 600_002)
  say(client, alive(3), 600_010)
  t.strictSame(run(client, 600_010, 600_020), [[600_010, 'map']])
  say(client, mapped(3), 600_020)
  t.ok(client.mapping)
  t.equal(client.deadline(), 600_020 + 600_000)
})

t.test('a clock of the gateway that is an eighth slow is no restart', async t => {
  const client = mappedClient()
  run(client, 2, 600_002)
  say(client, alive(1000 + 530), 600_010)
  t.strictSame(run(client, 600_010, 600_020), [])
})

t.test('a new address of the gateway shows in the mapping', async t => {
  const client = mappedClient()
  run(client, 2, 600_002)
  say(client, alive(1600, '198.51.100.8'), 600_010)
  t.equal(client.mapping?.external.ip, '198.51.100.8')
})

t.test('a mapping whose renewal nobody answers lasts until its lease is over', async t => {
  const client = mappedClient()
  const sent = run(client, 2, 2 + 2 * HOUR - 1)
  t.ok(client.mapping, 'until the last moment')
  t.ok(sent.filter(([, text]) => text === 'map').length > 5, 'tried again and again')
  t.ok(sent.length < 100, `but bounded: ${sent.length} datagrams in two hours`)
  run(client, 2 * HOUR, 3 * HOUR)
  t.equal(client.mapping, undefined)
  t.match(client.report, { phase: 'lost', reason: /did not renew/ })
})

t.test('refusals end the attempt with their reason', async t => {
  const probing = open()
  run(probing, 0, 0)
  say(probing, { type: 'refused', to: 'probe', reason: 'no' }, 1)
  t.match(probing.report, { phase: 'refused', reason: 'no' })
  const mapping = open()
  run(mapping, 0, 0)
  say(mapping, alive(1), 1)
  mapping.map(1)
  say(mapping, { type: 'refused', to: 'map', reason: 'full' }, 2)
  t.match(mapping.report, { phase: 'refused', reason: 'full' })
  t.strictSame(run(mapping, 2, 10_000), [])
})

t.test('answers without a port, an address, or with a tiny lease are refused', async t => {
  for (const [answer, ip] of [
    [mapped(1, 7200, 0), '198.51.100.7'],
    [mapped(1, 7200), '0.0.0.0'],
    [mapped(1, 29), '198.51.100.7'],
  ] as const) {
    const client = open()
    run(client, 0, 0)
    say(client, alive(1, ip), 1)
    client.map(1)
    say(client, answer, 2)
    t.equal(client.report.phase, 'refused', JSON.stringify(answer))
    t.equal(client.mapping, undefined)
  }
})

t.test('a mapping of another port is not ours', async t => {
  const client = open()
  run(client, 0, 0)
  say(client, alive(1), 1)
  client.map(1)
  say(client, { ...mapped(1), internalPort: 5001 } as GatewayAnswer, 2)
  t.equal(client.report.phase, 'mapping')
})

t.test('a mapping is given back until the gateway confirms, or for 2 s', async t => {
  const client = mappedClient()
  client.unmap(10)
  t.equal(client.mapping, undefined)
  t.strictSame(run(client, 10, 20), [[10, 'unmap']])
  t.ok(client.isUnmapping)
  say(client, mapped(1001, 0), 21)
  t.notOk(client.isUnmapping)
  const silent = mappedClient()
  silent.unmap(10)
  t.equal(run(silent, 10, 10_000).length, 3)
  t.notOk(silent.isUnmapping)
  const none = open()
  none.unmap(0)
  t.notOk(none.isUnmapping, 'nothing was mapped, nothing is removed')
})
