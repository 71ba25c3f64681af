// Rounds of punching as a peer connection drives them: what is opened, told and given back.

import t, { type Test } from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import { Punching, type PunchingNetwork } from '../../lib/peer/punching.ts'
import type { Signal } from '../../lib/peer/signals.ts'
import { type NatProfile, type Offer, ProbeSession } from '../../nat/index.ts'
import { quietNetwork } from './fake-network.ts'

const PROFILE: NatProfile = {
  udp: true,
  mapping: 'address-and-port-dependent',
  filtering: 'address-and-port-dependent',
  ports: { type: 'random' },
  externalIps: ['203.0.113.1'],
  hairpin: false,
  carrier: undefined,
  ipv6: false,
}
const RANDOM: Offer = {
  profile: PROFILE,
  candidates: [{ type: 'srflx', address: { ip: '203.0.113.1', port: 4_000 } }],
}
const HOME: Offer = {
  profile: { ...PROFILE, mapping: 'endpoint-independent', ports: { type: 'preserving' } },
  candidates: [{ type: 'srflx', address: { ip: '198.51.100.1', port: 5_000 } }],
}

interface Bench {
  readonly punching: Punching
  readonly signals: Signal[]
  readonly open: Set<number>
  /** Until sockets were asked for, or nothing happens any more; then a turn of the loop. */
  run(milliseconds: number): Promise<void>
}

function bench(local: Offer, leave = true): Bench {
  const clock = new ManualClock()
  const open = new Set<number>()
  const signals: Signal[] = []
  const network: PunchingNetwork = {
    port: {
      send: () => 'sent',
      openExtra: async count => {
        const numbers = Array.from({ length: count }, (_, index) => index + 1)
        for (const number of numbers) open.add(number)
        return numbers
      },
      closeExtra: numbers => {
        for (const number of numbers) open.delete(number)
      },
    },
    ...quietNetwork(local, leave),
  }
  const keys = { send: Buffer.alloc(32, 1), receive: Buffer.alloc(32, 2) }
  const punching = new Punching({
    role: 'visitor',
    probes: new ProbeSession({ role: 'visitor', keys, random: () => 0.5 }),
    network,
    routes: { add: () => 1, isUsed: () => false },
    clock,
    send: signal => signals.push(signal),
    onPath: () => {},
    onGaveUp: () => {},
    onWork: () => {},
  })
  const run = async (milliseconds: number): Promise<void> => {
    for (let passed = 0; passed < milliseconds; passed += 10) {
      clock.advance(10)
      while (punching.drive(clock.now()));
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  return { punching, signals, open, run }
}

async function guess(t: Test, one: Bench): Promise<void> {
  one.punching.begin(1, 'full')
  one.punching.handleRemote(HOME, ['198.51.100.1'])
  await one.run(2_000)
  t.ok(one.open.size > 0, `${one.open.size} sockets are open for guessing`)
}

t.test('the offer goes out when a round begins, and again when more is known', async t => {
  const { punching, signals } = bench(RANDOM)
  punching.handleLocal(HOME)
  t.strictSame(signals, [], 'nothing before there is a round')
  punching.begin(7, 'plain')
  punching.handleLocal(HOME)
  t.match(signals, [
    { type: 'offer', round: 7, scope: 'plain', offer: RANDOM },
    { type: 'offer', round: 7, offer: HOME },
  ])
  t.equal(punching.round, 7)
})

t.test('a round that takes the place of another one closes its sockets', async t => {
  const one = bench(RANDOM)
  await guess(t, one)
  one.punching.begin(2, 'plain')
  t.equal(one.open.size, 0)
})

t.test('the end of the connection closes them, too', async t => {
  const one = bench(RANDOM)
  await guess(t, one)
  one.punching.close()
  t.equal(one.open.size, 0)
})

t.test('sockets that come after the end are closed', async t => {
  const one = bench(RANDOM)
  one.punching.begin(1, 'full')
  one.punching.handleRemote(HOME, ['198.51.100.1'])
  one.punching.close()
  await one.run(2_000)
  t.equal(one.open.size, 0)
})

t.test('without a leave nothing is opened', async t => {
  const one = bench(RANDOM, false)
  one.punching.begin(1, 'full')
  one.punching.handleRemote(HOME, ['198.51.100.1'])
  await one.run(2_000)
  t.equal(one.open.size, 0)
})
