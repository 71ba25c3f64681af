import t, { type Test } from 'tap'
import { systemClock } from '../../lib/clock.ts'
import { silentLogger } from '../../lib/log.ts'
import type { Gateway } from '../../lib/peer/gateway.ts'
import { PortMappingKeeper } from '../../lib/peer/portmap.ts'
import { FakeGateway, serveGateway } from '../support/fake-gateway.ts'

const skip = process.platform === 'linux' ? false : 'only Linux has all of 127/8'

/** An address in 127/8 of this test alone. */
function ownIp(): string {
  const part = (): number => 1 + Math.floor(Math.random() * 254)
  return `127.${part()}.${part()}.${part()}`
}

interface Setup {
  readonly findGateway: () => Promise<Gateway | undefined>
  readonly onChange?: () => void
}

/** The clock's timers keep no process alive: while it waits, this does. */
function openKeeper(t: Test, { findGateway, onChange = () => {} }: Setup): PortMappingKeeper {
  const alive = setInterval(() => undefined, 1000)
  const keeper = new PortMappingKeeper({
    port: 5000,
    clock: systemClock,
    log: silentLogger,
    findGateway,
    onChange,
  })
  t.teardown(async () => {
    await keeper.close()
    clearInterval(alive)
  })
  return keeper
}

async function serve(t: Test, gateway: FakeGateway): Promise<Setup['findGateway']> {
  const ip = ownIp()
  t.teardown(await serveGateway(gateway, ip))
  return async () => ({ ip, localIp: '127.0.0.1' })
}

for (const protocol of ['pcp', 'nat-pmp', 'upnp'] as const) {
  t.test(`a port is mapped by ${protocol} and given back on close`, { skip }, async t => {
    const gateway = new FakeGateway({ speaks: [protocol] })
    let changes = 0
    const keeper = openKeeper(t, {
      findGateway: await serve(t, gateway),
      onChange: () => changes++,
    })
    t.strictSame(keeper.candidates, [])
    keeper.start()
    await keeper.settled
    const address = { ip: '198.51.100.7', port: 5000 }
    t.strictSame(keeper.candidates, [{ type: 'mapped', address }])
    t.equal(keeper.report.mapping?.protocol, protocol)
    t.equal(changes, 1)
    t.strictSame([...gateway.mappings.values()], [5000])
    await keeper.close()
    t.equal(gateway.mappings.size, 0)
    t.strictSame(keeper.candidates, [])
  })
}

t.test('without a gateway the search is over at once', async t => {
  const keeper = openKeeper(t, { findGateway: async () => undefined })
  keeper.start()
  await keeper.settled
  t.strictSame(keeper.report, { gateway: undefined, mapping: undefined, protocols: [] })
})

t.test('a gateway that is silent is no error', { skip }, async t => {
  const gateway = new FakeGateway({ speaks: [] })
  const keeper = openKeeper(t, { findGateway: await serve(t, gateway) })
  keeper.start()
  await keeper.settled
  t.strictSame(
    keeper.report.protocols.map(({ phase }) => phase),
    ['absent', 'absent', 'absent'],
  )
})

t.test('after a change of the network the new gateway maps', { skip }, async t => {
  const [home, cafe] = [new FakeGateway({ speaks: ['pcp'] }), new FakeGateway({ speaks: ['pcp'] })]
  const gateways = [await serve(t, home), await serve(t, cafe)]
  let place = 0
  let onChange = (): void => undefined
  const keeper = openKeeper(t, {
    findGateway: async () => gateways[place]?.(),
    onChange: () => onChange(),
  })
  keeper.start()
  await keeper.settled
  t.equal(home.mappings.size, 1)
  place = 1
  const changed = new Promise<void>(resolve => (onChange = resolve))
  keeper.handleNetworkChange()
  await changed
  t.equal(cafe.mappings.size, 1)
  t.ok(keeper.mapping)
})

t.test('a keeper that is closed before its gateway is known opens nothing', async t => {
  let find = (_: Gateway | undefined): void => undefined
  const keeper = openKeeper(t, { findGateway: () => new Promise(resolve => (find = resolve)) })
  keeper.start()
  await keeper.close()
  find({ ip: '127.0.0.1', localIp: '127.0.0.1' })
  await keeper.settled
  t.equal(keeper.report.gateway, undefined)
})
