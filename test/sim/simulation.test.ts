import t from 'tap'
import { FIRST, OBSERVER_HOSTS, ask, openObservers } from './observers.ts'
import { Simulation } from './simulation.ts'
import { natOfClass } from '../../bench/lab/model/nat-classes.ts'

const HOSTS = [
  { name: 'a', ip: '203.0.113.1', ip6: '2001:db8::a' },
  { name: 'b', ip: '203.0.113.2', ip6: '2001:db8::b' },
]

t.test('a datagram arrives after the delay of both links, with its sender', async t => {
  const links = { a: { up: { delayMs: 30 } }, b: { down: { delayMs: 12 } } }
  const simulation = new Simulation({ hosts: HOSTS, links })
  const from = simulation.openSocket('a')
  const to = simulation.openSocket('b', { port: 7000 })
  from.send('hello', { ip: '203.0.113.2', port: 7000 })
  simulation.run(41.9)
  t.equal(to.received.length, 0)
  simulation.run(0.2)
  const [datagram] = to.received
  t.equal(new TextDecoder().decode(datagram?.payload), 'hello')
  t.strictSame(datagram?.from, { ip: '203.0.113.1', port: from.port })
  t.equal(datagram?.at, 42)
  t.equal(datagram?.ttl, 63, 'the internet took one hop')
})

t.test('IPv6 works the same', async t => {
  const simulation = new Simulation({ hosts: HOSTS })
  const from = simulation.openSocket('a', { port: 6000 })
  const to = simulation.openSocket('b', { port: 7000 })
  from.send('hello', { ip: '2001:db8::b', port: 7000 })
  simulation.run(1)
  t.strictSame(to.received[0]?.from, { ip: '2001:db8:0:0:0:0:0:a', port: 6000 })
})

t.test('a datagram to a port where nobody listens is told to its sender', async t => {
  const simulation = new Simulation({ hosts: HOSTS })
  const from = simulation.openSocket('a')
  from.send('hello', { ip: '203.0.113.2', port: 7000 })
  simulation.run(1)
  const to = { ip: '203.0.113.2', port: 7000 }
  t.strictSame(from.problems, [{ type: 'unreachable', to, by: '203.0.113.2', mtu: undefined }])
})

t.test('timers run at their time, in order, and not when they were cancelled', async t => {
  const simulation = new Simulation({ hosts: HOSTS })
  const seen: [string, number][] = []
  const note = (name: string) => () => void seen.push([name, simulation.now()])
  simulation.after(20, note('second'))
  simulation.after(10, note('first'))
  simulation.after(20, note('third'))
  simulation.after(15, note('never'))()
  simulation.run(30)
  t.strictSame(seen, [['first', 10], ['second', 20], ['third', 20]])
  t.equal(simulation.now(), 30)
})

t.test('runUntil stops at the event, or says that it did not happen', async t => {
  const simulation = new Simulation({ hosts: HOSTS })
  let isDone = false
  simulation.after(20, () => (isDone = true))
  t.equal(simulation.runUntil(() => isDone, 19), false)
  t.equal(simulation.now(), 19)
  t.equal(simulation.runUntil(() => isDone, 19), true)
  t.equal(simulation.now(), 20)
})

t.test('one seed gives one run, another one another', async t => {
  const run = (seed: number): number[] => {
    const up = { delayMs: 10, jitterMs: 5, loss: 0.3, duplicate: 0.1 }
    const simulation = new Simulation({ hosts: HOSTS, links: { a: { up } } }, { seed })
    const from = simulation.openSocket('a')
    const to = simulation.openSocket('b', { port: 7000 })
    for (let count = 0; count < 200; count++) {
      simulation.after(count * 3, () => from.send('x', { ip: '203.0.113.2', port: 7000 }))
    }
    simulation.run(1000)
    return to.received.map(({ at }) => at)
  }
  t.strictSame(run(5), run(5))
  t.notSame(run(5), run(6))
})

t.test('a host that moves has its new address, and what goes to the old one is lost', async t => {
  const simulation = new Simulation({ hosts: HOSTS, links: { b: { down: { delayMs: 10 } } } })
  const from = simulation.openSocket('a')
  const to = simulation.openSocket('b', { port: 7000 })
  from.send('under way', { ip: '203.0.113.2', port: 7000 })
  simulation.run(5)
  simulation.moveHost('b', { ip: '203.0.113.9' })
  from.send('too late', { ip: '203.0.113.2', port: 7000 })
  from.send('new', { ip: '203.0.113.9', port: 7000 })
  simulation.run(20)
  t.strictSame(to.received.map(({ payload }) => new TextDecoder().decode(payload)), ['new'])
  t.equal(simulation.stats().unrouted, 2)
  t.strictSame(to.address(), { ip: '203.0.113.9', port: 7000 })
})

t.test('a closed socket hears nothing and frees its port', async t => {
  const simulation = new Simulation({ hosts: HOSTS })
  const socket = simulation.openSocket('b', { port: 7000 })
  t.throws(() => simulation.openSocket('b', { port: 7000 }), /port 7000 of b is taken/)
  socket.close()
  t.throws(() => socket.send('x', { ip: '203.0.113.1', port: 1 }), /closed/)
  simulation.openSocket('b', { port: 7000 })
})

t.test('two home routers: a hole is there when both sides have sent', async t => {
  const simulation = new Simulation({
    hosts: [
      ...OBSERVER_HOSTS,
      { name: 'a', ip: '192.168.1.10', behind: 'home-a' },
      { name: 'b', ip: '192.168.1.10', behind: 'home-b' },
    ],
    boxes: [
      { name: 'home-a', nat: natOfClass('C3', ['203.0.113.1']) },
      { name: 'home-b', nat: natOfClass('C3', ['203.0.113.2']) },
    ],
    links: { 'home-a': { up: { delayMs: 10 }, down: { delayMs: 10 } } },
  })
  openObservers(simulation)
  const a = simulation.openSocket('a')
  const b = simulation.openSocket('b')
  const seenA = ask(simulation, a, FIRST)
  const seenB = ask(simulation, b, FIRST)
  if (!seenA || !seenB) throw new Error('an observer did not answer')
  let heard = 0
  b.onMessage = () => heard++
  a.send('probe', seenB)
  simulation.run(100)
  t.equal(heard, 0, 'the other side is closed still')
  b.send('probe', seenA)
  a.send('probe', seenB)
  simulation.run(100)
  t.equal(heard, 1)
})
