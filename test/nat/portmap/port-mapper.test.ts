import t from 'tap'
import { PortMapper, type PortMapperOutput } from '../../../nat/portmap/port-mapper.ts'
import { FakeGateway, type FakeGatewayOptions } from '../../support/fake-gateway.ts'

const GATEWAY = '192.168.77.1'
const BASE = `http://${GATEWAY}:5000`
/** To the router and back, in ms. */
const ROUND_TRIP = 2

/** A mapper with its router and a clock: what the shell does, without I/O. */
class Bench {
  readonly gateway: FakeGateway
  readonly mapper: PortMapper
  readonly events: [number, string][] = []
  /** When the router's answers arrive. */
  #due: { at: number; give: (now: number) => void }[] = []
  now = 0
  isDown = false

  constructor(options: FakeGatewayOptions) {
    this.gateway = new FakeGateway(options)
    this.mapper = new PortMapper(
      { gateway: GATEWAY, localIp: '192.168.77.2', internalPort: 5000, random: () => 0.5 },
      0,
    )
  }

  run(end: number): this {
    for (;;) {
      for (let output = this.#poll(); output; output = this.#poll()) this.#take(output)
      const times = [this.mapper.deadline() ?? Infinity, ...this.#due.map(({ at }) => at)]
      const next = Math.max(this.now, Math.min(...times))
      if (next > end) break
      this.now = next
      const due = this.#due.filter(({ at }) => at <= next)
      this.#due = this.#due.filter(({ at }) => at > next)
      for (const { give } of due) give(next)
    }
    this.now = end
    return this
  }

  get external(): string | undefined {
    const { external, protocol } = this.mapper.mapping ?? {}
    return external && `${protocol} ${external.ip}:${external.port}`
  }

  get phases(): string {
    return this.mapper.reports.map(({ phase }) => phase).join(' ')
  }

  #poll(): PortMapperOutput | undefined {
    return this.mapper.poll(this.now)
  }

  #take(output: PortMapperOutput): void {
    const at = this.now + ROUND_TRIP
    switch (output.type) {
      case 'datagram': {
        const { to, data } = output
        if (this.isDown || to.ip !== GATEWAY) return
        const isSearch = to.port === 1900
        const reply = isSearch ? this.gateway.search(data, BASE) : this.gateway.answer(data)
        if (!reply) return
        this.#due.push({ at, give: now => this.mapper.handleDatagram(reply, to, now) })
        return
      }
      case 'http': {
        const { id, url, body } = output
        const reply = this.isDown ? undefined : this.gateway.http(new URL(url).pathname, body)
        this.#due.push({ at, give: now => this.mapper.handleHttp(id, reply, now) })
        return
      }
      case 'changed':
        this.events.push([this.now, this.external ?? 'none'])
        return
      default:
        this.events.push([this.now, output.type])
    }
  }
}

t.test('the best protocol that the router speaks gets the mapping, and no other', async t => {
  const all = new Bench({ speaks: ['pcp', 'nat-pmp', 'upnp'] }).run(5000)
  t.strictSame(all.events, [
    [4, 'pcp 198.51.100.7:5000'],
    [4, 'settled'],
  ])
  t.strictSame([...all.gateway.mappings], [[5000, 5000]])
  t.notOk(all.gateway.actions.includes('AddPortMapping'))
  t.equal(all.phases, 'mapped available available')

  const old = new Bench({ speaks: ['nat-pmp', 'upnp'] }).run(5000)
  t.strictSame(old.events[0], [4, 'nat-pmp 198.51.100.7:5000'], 'an old router says no to PCP')

  const upnp = new Bench({ speaks: ['upnp'] }).run(5000)
  t.strictSame(upnp.events[0], [252, 'upnp 198.51.100.7:5000'], 'after 250 ms of silence')
})

t.test('a router without any of them settles the search after 1.5 s', async t => {
  const bench = new Bench({ speaks: [] }).run(60_000)
  t.strictSame(bench.events, [[1500, 'settled']])
  t.equal(bench.phases, 'absent absent absent')
})

t.test('after ten minutes it is looked again', async t => {
  const bench = new Bench({ speaks: ['pcp'] })
  bench.isDown = true
  bench.run(500_000)
  bench.isDown = false
  bench.run(700_000)
  t.strictSame(bench.events, [
    [1500, 'settled'],
    [601_504, 'pcp 198.51.100.7:5000'],
  ])
})

t.test('what one protocol refuses is asked of the next one', async t => {
  const bench = new Bench({ speaks: ['nat-pmp', 'upnp'] })
  const answer = bench.gateway.answer.bind(bench.gateway)
  // NAT-PMP says its address, and "not authorized" to a mapping.
  bench.gateway.answer = data =>
    data[1] === 1 && data[0] === 0 ? Buffer.from('00810002000003e8', 'hex') : answer(data)
  bench.run(5000)
  t.equal(bench.external, 'upnp 198.51.100.7:5000')
  t.match(bench.mapper.reports[1], { phase: 'refused', reason: /switched off/ })
})

t.test('UPnP: the line that is up is taken, not the first one of the list', async t => {
  const bench = new Bench({ speaks: ['upnp'] }).run(400)
  t.strictSame(bench.gateway.actions, ['GetExternalIPAddress', 'AddPortMapping'])
})

t.test('UPnP: a taken port is replaced, a permanent mapping accepted', async t => {
  const taken = new Bench({ speaks: ['upnp'], taken: [5000] }).run(5000)
  t.equal(taken.external, 'upnp 198.51.100.7:40000')
  const permanent = new Bench({ speaks: ['upnp'], isPermanentOnly: true }).run(5000)
  t.equal(permanent.external, 'upnp 198.51.100.7:5000')
  const none = new Bench({ speaks: ['upnp'], taken: [5000, 40_000] }).run(5000)
  t.equal(none.external, undefined)
  t.match(none.mapper.reports[2], { phase: 'refused', reason: /taken/ })
})

t.test('UPnP: a mapping that the router has forgotten is made again', async t => {
  const bench = new Bench({ speaks: ['upnp'] }).run(5000)
  bench.gateway.mappings.clear()
  bench.run(601_000)
  t.equal(bench.gateway.mappings.size, 1)
  t.equal(bench.events.length, 2, 'nothing else has changed')
})

t.test('leases are renewed at half, hour after hour, and nothing is said of it', async t => {
  for (const protocol of ['pcp', 'upnp'] as const) {
    const bench = new Bench({ speaks: [protocol] })
    for (let hour = 1; hour <= 24; hour++) {
      bench.gateway.epochSeconds = 1000 + hour * 3600
      bench.run(hour * 3_600_000 + 5000)
    }
    t.equal(bench.events.length, 2, protocol)
    const renewals = bench.gateway.actions.filter(action => action === 'AddPortMapping').length
    if (protocol === 'upnp') t.equal(renewals, 25)
  }
})

t.test('a router that is gone loses the mapping with its lease, and is sought again', async t => {
  for (const protocol of ['pcp', 'nat-pmp', 'upnp'] as const) {
    const bench = new Bench({ speaks: [protocol] }).run(5000)
    bench.isDown = true
    bench.run(7_300_000)
    t.equal(bench.external, undefined, protocol)
    t.equal(bench.events.at(-1)?.[1], 'none')
    bench.isDown = false
    bench.run(8_000_000)
    t.ok(bench.external, `${protocol} is back`)
  }
})

t.test('removal gives the mapping back, whichever protocol made it', async t => {
  for (const protocol of ['pcp', 'nat-pmp', 'upnp'] as const) {
    const bench = new Bench({ speaks: [protocol] }).run(5000)
    bench.mapper.remove(5000)
    bench.run(10_000)
    t.equal(bench.gateway.mappings.size, 0, protocol)
    t.strictSame(bench.events.at(-1), [5002, 'removed'])
  }
})

t.test('removal while a mapping is being asked for leaves none behind', async t => {
  for (const protocol of ['pcp', 'upnp'] as const) {
    const bench = new Bench({ speaks: [protocol] })
    for (let now = 0; !bench.phases.split(' ').includes('mapping'); now++) bench.run(now)
    bench.mapper.remove(bench.now)
    bench.run(bench.now + 10_000)
    t.equal(bench.gateway.mappings.size, 0, protocol)
    t.equal(bench.events.at(-1)?.[1], 'removed')
  }
})

t.test('removal without a mapping is done at once, and stays silent', async t => {
  const bench = new Bench({ speaks: [] }).run(100)
  bench.mapper.remove(100)
  bench.run(100_000)
  t.strictSame(bench.events, [[100, 'removed']])
})

t.test('answers from anyone but the gateway count for nothing', async t => {
  const bench = new Bench({ speaks: ['pcp', 'upnp'] })
  bench.isDown = true
  bench.run(1)
  const liar = { ip: '192.168.77.66', port: 5351 }
  const alive = bench.gateway.answer(Buffer.from('02'.padEnd(48, '0'), 'hex')) ?? Buffer.alloc(0)
  bench.mapper.handleDatagram(alive, liar, 1)
  const found = bench.gateway.search(Buffer.from('M-SEARCH'), BASE) ?? Buffer.alloc(0)
  bench.mapper.handleDatagram(found, { ip: '192.168.77.66', port: 1900 }, 1)
  bench.run(5000)
  t.equal(bench.phases, 'absent absent absent')
})
