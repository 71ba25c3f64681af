import t from 'tap'
import { PathPolicy } from '../../../nat/index.ts'
import { DrivenPolicy, of, type Timed } from './driven-policy.ts'

/** `1` or, while in doubt, `1+relay`. */
function routesOf(log: readonly Timed[]): string[] {
  return of(log, 'use').map(({ route, duplicate }) => {
    return duplicate === undefined ? `${route}` : `${route}+${duplicate}`
  })
}

function hintsOf(log: readonly Timed[]): string[] {
  return of(log, 'hint').map(({ hint, route }) => {
    return `${hint.type} ${hint.type === 'rebound' ? '' : hint.kind} on ${route}`
  })
}

t.test('it begins on the relay, and asks for a round when the relay is there', async t => {
  const driven = new DrivenPolicy()
  t.equal(driven.policy.state().route, 'relay')
  t.strictSame(driven.run(5000), [])
  driven.do(policy => policy.handleRelay(true, 60, driven.now))
  const [round, ...more] = of(driven.log, 'punch')
  t.match(round, { round: 1, scope: 'full', reason: 'the connection is new', at: 5000 })
  t.strictSame(more, [])
})

t.test('an owner asks for no round', async t => {
  const driven = DrivenPolicy.relayed({ role: 'owner' })
  t.strictSame(of(driven.runBusy(120_000), 'punch'), [])
})

t.test('the first direct path is used at once, and the owner is told', async t => {
  const driven = DrivenPolicy.relayed()
  driven.run(400)
  driven.find(7, 'v4', 40)
  t.strictSame(routesOf(driven.log), ['7'])
  t.strictSame(hintsOf(driven.log), ['use v4 on 7'])
  const { kind, technique, timeToDirectMs, switches, rttMs } = driven.policy.state()
  t.strictSame({ kind, technique, timeToDirectMs, switches, rttMs }, {
    kind: 'v4',
    technique: 'test',
    timeToDirectMs: 400,
    switches: 1,
    rttMs: 40,
  })
})

t.test('the owner is told again until it says that it follows', async t => {
  const driven = DrivenPolicy.relayed()
  driven.find(1, 'v4', 40)
  t.equal(of(driven.run(1000), 'hint').length, 3)
  driven.do(policy => policy.handleHint({ type: 'using', kind: 'v4' }, driven.now))
  t.strictSame(of(driven.run(10_000), 'hint'), [])
})

t.test('an owner waits for the visitor, follows it, and says so', async t => {
  const driven = DrivenPolicy.relayed({ role: 'owner' })
  driven.find(1, 'v4', 40)
  driven.find(2, 'lan', 2)
  t.strictSame(of(driven.runBusy(900), 'use'), [])
  driven.do(policy => policy.handleHint({ type: 'use', kind: 'lan' }, driven.now))
  t.strictSame(routesOf(driven.log), ['2'])
  t.strictSame(hintsOf(driven.log), ['using lan on 2'])
  t.equal(driven.policy.state().reason, 'the visitor uses it')
})

t.test('a path of which nothing was heard for long is used with copies at first', async t => {
  const driven = DrivenPolicy.relayed({ role: 'owner' })
  driven.find(2, 'lan', 2)
  driven.run(3000)
  driven.do(policy => policy.handleHint({ type: 'use', kind: 'lan' }, driven.now))
  driven.run(100)
  t.strictSame(routesOf(driven.log), ['2', '2+relay', '2'])
})

t.test('an owner that knows the path by another kind follows all the same', async t => {
  const driven = DrivenPolicy.relayed({ role: 'owner' })
  driven.find(1, 'v4', 40)
  driven.do(policy => policy.handleHint({ type: 'use', kind: 'lan' }, driven.now))
  t.equal(driven.policy.state().route, 1)
  t.strictSame(hintsOf(driven.log), ['using v4 on 1'])
})

t.test('an owner without a path stays on the relay and says that', async t => {
  const driven = DrivenPolicy.relayed({ role: 'owner' })
  driven.do(policy => policy.handleHint({ type: 'use', kind: 'v4' }, driven.now))
  t.strictSame(hintsOf(driven.log), ['using relay on relay'])
})

t.test('a silent path: copies at once, a round soon, the relay after a second', async t => {
  const driven = DrivenPolicy.direct()
  driven.runBusy(5000)
  driven.answers.set(1, undefined)
  const log = driven.runBusy(4000)
  const [copies, relay, ...more] = of(log, 'use')
  t.match(copies, { route: 1, duplicate: 'relay' })
  t.ok((copies?.at ?? 0) < 5450, `copies after ${(copies?.at ?? 0) - 5000} ms`)
  t.match(relay, { route: 'relay', duplicate: undefined, at: (copies?.at ?? 0) + 1000 })
  t.strictSame(more, [])
  t.equal(hintsOf(log)[0], 'lost v4 on relay')
  const seekAt = (copies?.at ?? 0) + 300
  t.strictSame(of(log, 'rediscover').map(({ at }) => at), [seekAt])
  t.strictSame(
    of(log, 'punch').map(({ at, scope, reason }) => ({ at, scope, reason })),
    [{ at: seekAt, scope: 'full', reason: 'the direct path is silent' }],
  )
})

t.test('a path that answers in time is kept, and the copies end', async t => {
  const driven = DrivenPolicy.direct()
  driven.runBusy(5000)
  driven.answers.set(1, undefined)
  driven.runBusy(800)
  driven.answers.set(1, 40)
  driven.runBusy(4000)
  t.strictSame(routesOf(driven.log), ['1', '1+relay', '1'])
  t.equal(of(driven.log, 'use').at(-1)?.reason, 'it answers again')
  t.equal(driven.policy.state().switches, 1)
})

t.test('an answer from before the doubt does not end it', async t => {
  const driven = DrivenPolicy.direct()
  driven.answers.set(1, undefined)
  const log = driven.runBusy(450)
  t.equal(driven.policy.state().duplicate, 'relay')
  const [early] = of(log, 'probe')
  driven.do(policy => policy.handleProbeAnswer(1, early?.nonce ?? 0, 400, driven.now))
  t.equal(driven.policy.state().duplicate, 'relay')
})

t.test('a last packet that needs no answer costs one probe and no copies', async t => {
  const driven = DrivenPolicy.direct()
  driven.run(1000)
  driven.do(policy => policy.handleOutbound(driven.now))
  const log = driven.run(2000)
  t.equal(of(log, 'probe').filter(({ route }) => route === 1).length, 1)
  t.strictSame(of(log, 'use'), [])
})

t.test('a path in reserve that answers takes over before the relay does', async t => {
  const driven = DrivenPolicy.direct()
  driven.find(2, 'v6', 60)
  driven.runBusy(5000)
  driven.answers.set(1, undefined)
  const log = driven.runBusy(4000)
  const [copies, other, ...more] = of(log, 'use')
  t.match(copies, { route: 1, duplicate: 'relay' })
  t.match(other, { route: 2, duplicate: undefined, at: (copies?.at ?? 0) + 300 })
  t.strictSame(more, [])
  t.strictSame(of(log, 'punch'), [], 'one direct path is enough')
})

t.test('a path that dies while nothing is sent is left, too', async t => {
  const driven = DrivenPolicy.direct()
  driven.run(60_000)
  driven.answers.set(1, undefined)
  driven.run(20_000)
  t.equal(driven.policy.state().route, 'relay')
})

t.test('the other side hears nothing: copies until the path answers us', async t => {
  const driven = DrivenPolicy.direct()
  driven.runBusy(1000)
  driven.do(policy => policy.handleHint({ type: 'lost', kind: 'v4' }, driven.now))
  t.equal(driven.policy.state().duplicate, 'relay')
  const log = driven.runBusy(100)
  t.equal(driven.policy.state().duplicate, undefined)
  t.strictSame(of(log, 'hint'), [], 'it knows')
})

t.test('what the other side says of a route that is not in use changes nothing', async t => {
  const driven = DrivenPolicy.direct()
  driven.do(policy => policy.handleHint({ type: 'lost', kind: 'lan' }, driven.now))
  driven.do(policy => policy.handleHint({ type: 'lost', kind: 'relay' }, driven.now))
  t.equal(driven.policy.state().duplicate, undefined)
})

t.test('the relay goes and comes during a direct session: nothing happens', async t => {
  const driven = DrivenPolicy.direct()
  driven.runBusy(5000)
  driven.answers.set('relay', undefined)
  driven.runBusy(30_000)
  driven.do(policy => policy.handleRelay(false, undefined, driven.now))
  driven.runBusy(30_000)
  driven.answers.set('relay', 60)
  driven.do(policy => policy.handleRelay(true, 60, driven.now))
  driven.runBusy(5000)
  t.strictSame(routesOf(driven.log), ['1'])
})

t.test('a closed relay sends the owner to the path that it has', async t => {
  const driven = DrivenPolicy.relayed({ role: 'owner' })
  driven.find(1, 'v4', 40)
  driven.do(policy => policy.handleRelay(false, undefined, driven.now))
  t.strictSame(routesOf(driven.log), ['1'])
  t.equal(hintsOf(driven.log)[0], 'using v4 on 1')
  t.equal(driven.policy.state().reason, 'the relay is down')
})

t.test('everything is dead: it waits without haste, and takes what comes back first', async t => {
  const driven = DrivenPolicy.direct()
  driven.runBusy(2000)
  driven.answers.set(1, undefined)
  driven.answers.set('relay', undefined)
  driven.runBusy(10_000)
  const probes = of(driven.runBusy(10_000), 'probe')
  t.ok(probes.length >= 10 && probes.length <= 30, `${probes.length} probes in 10 s`)
  driven.answers.set('relay', 60)
  driven.runBusy(1400)
  t.equal(driven.policy.state().route, 'relay')
  t.equal(driven.policy.state().duplicate, undefined)
})

t.test('the only route was dead and lives again: the driver is told to use it', async t => {
  const driven = DrivenPolicy.relayed()
  driven.answers.set('relay', undefined)
  driven.runBusy(20_000)
  t.strictSame(routesOf(driven.log), [])
  driven.answers.set('relay', 60)
  driven.runBusy(1400)
  t.strictSame(routesOf(driven.log), ['relay'])
  t.equal(of(driven.log, 'use')[0]?.reason, 'it answers again')
})

t.test('a socket that fails is left at once, for the best that is there', async t => {
  const driven = DrivenPolicy.direct()
  driven.find(2, 'v6', 60)
  driven.run(200)
  driven.do(policy => policy.handlePathGone(1, driven.now))
  t.equal(driven.policy.state().route, 'relay', 'frps is there for certain')
  driven.runBusy(2000)
  t.equal(driven.policy.state().route, 2)
})

t.test('a path that comes back is used again, and waits longer each time', async t => {
  const driven = DrivenPolicy.direct()
  const waits: number[] = []
  for (let time = 0; time < 6; time++) {
    driven.runBusy(1000)
    driven.answers.set(1, undefined)
    driven.runBusy(2000)
    driven.answers.set(1, 40)
    const from = driven.policy.state().since
    driven.runBusy(40_000)
    const { route, since } = driven.policy.state()
    t.equal(route, 1)
    waits.push(since - from)
  }
  for (const [index, waitMs] of waits.entries()) {
    t.ok(waitMs >= 500 * 2 ** index, `${waitMs} ms after loss ${index + 1}`)
    t.ok(waitMs <= 500 * 2 ** index + 9000, `${waitMs} ms after loss ${index + 1}`)
  }
})

t.test('a LAN path takes over from one that is as fast, after three answers', async t => {
  const driven = DrivenPolicy.direct()
  driven.run(100)
  driven.find(2, 'lan', 41)
  const [move, ...more] = of(driven.run(3000), 'use')
  t.match(move, { route: 2, reason: 'it is better than the path before' })
  t.ok((move?.at ?? 0) - 100 <= 200, `after ${(move?.at ?? 0) - 100} ms`)
  t.strictSame(more, [])
})

t.test('a path that is a little faster is not worth a move, a much faster one is', async t => {
  const driven = DrivenPolicy.direct()
  driven.find(2, 'v4', 36)
  driven.runBusy(60_000)
  t.equal(driven.policy.state().route, 1)
  driven.answers.set(2, 20)
  driven.runBusy(120_000)
  t.equal(driven.policy.state().route, 2)
})

t.test('two paths that take turns in being the faster one do not make it flap', async t => {
  const driven = DrivenPolicy.direct()
  driven.find(2, 'v4', 60)
  for (let minute = 0; minute < 20; minute++) {
    driven.answers.set(minute % 2 === 0 ? 2 : 1, 10)
    driven.answers.set(minute % 2 === 0 ? 1 : 2, 100)
    driven.runBusy(60_000)
  }
  const { switches } = driven.policy.state()
  t.ok(switches >= 4 && switches <= 21, `${switches} in 20 minutes`)
})

t.test('one path stays in reserve; surplus ones go when all is settled', async t => {
  const driven = DrivenPolicy.direct()
  driven.find(2, 'v6', 60)
  driven.find(3, 'v4', 70)
  driven.find(4, 'v4', 80)
  t.strictSame(of(driven.runBusy(4900), 'drop'), [])
  driven.runBusy(1000)
  const dropped = of(driven.log, 'drop').map(({ path }) => path)
  t.strictSame(dropped, [3, 4])
  t.strictSame(of(driven.runBusy(60_000), 'drop'), [])
})

t.test('a flood of paths is bounded, and the one in use stays', async t => {
  const driven = DrivenPolicy.direct()
  for (let id = 2; id < 50; id++) driven.find(id, 'v4', 200 - id)
  const dropped = of(driven.log, 'drop').map(({ path }) => path)
  t.equal(dropped.length, 49 - 8)
  t.notOk(dropped.includes(1))
})

t.test('a new network: look again, tell, copy, punch; once for a flight of changes', async t => {
  const driven = DrivenPolicy.direct()
  driven.runBusy(10_000)
  driven.log.length = 0
  for (let change = 0; change < 5; change++) {
    driven.do(policy => policy.handleNetworkChange(driven.now))
  }
  t.strictSame(driven.log.map(({ command }) => command.type).filter(type => type !== 'probe'), [
    'rediscover',
    'use',
    'punch',
    'hint',
  ])
  t.strictSame(routesOf(driven.log), ['1+relay'])
  t.strictSame(hintsOf(driven.log), ['rebound  on relay'])
  driven.runBusy(5000)
  t.equal(of(driven.log, 'rediscover').length, 2, 'the later changes are one')
  t.equal(driven.policy.state().route, 1, 'the path lives')
})

t.test("the other side's new network, or new candidates, begin a round", async t => {
  const driven = DrivenPolicy.relayed()
  driven.run(600)
  driven.do(policy => policy.handleHint({ type: 'rebound' }, driven.now))
  driven.run(600)
  driven.do(policy => policy.handleNewCandidates(driven.now))
  t.strictSame(of(driven.log, 'punch').slice(1).map(({ reason, at }) => ({ reason, at })), [
    { reason: "the other side's network changed", at: 600 },
    { reason: 'there are new candidates', at: 1200 },
  ])
})

t.test('an owner with new candidates lets the visitor know', async t => {
  const driven = DrivenPolicy.relayed({ role: 'owner' })
  driven.do(policy => policy.handleNewCandidates(driven.now))
  t.strictSame(hintsOf(driven.log), ['rebound  on relay'])
})

t.test('nobody uses it: no rounds; somebody does again: one that is due comes at once', async t => {
  const driven = DrivenPolicy.relayed()
  driven.run(120_000)
  const before = of(driven.log, 'punch').length
  driven.run(3_600_000)
  t.equal(of(driven.log, 'punch').length, before)
  driven.do(policy => policy.handleActivity(driven.now))
  t.equal(of(driven.log, 'punch').length, before + 1)
})

t.test('a direct path that is far gets a plain round now and then, a near one none', async t => {
  const rounds = (rttMs: number): readonly string[] => {
    const driven = DrivenPolicy.relayed()
    driven.find(1, 'v4', rttMs)
    driven.do(policy => policy.handlePunchEnd({ reason: undefined, isHopeless: false }, driven.now))
    const scopes: string[] = []
    for (let second = 0; second < 130; second++) {
      for (const { scope } of of(driven.runBusy(1000), 'punch')) {
        scopes.push(scope)
        const end = { reason: 'no better one', isHopeless: false }
        driven.do(policy => policy.handlePunchEnd(end, driven.now))
      }
    }
    return scopes
  }
  t.strictSame(rounds(40), ['plain', 'plain'])
  t.strictSame(rounds(8), [])
})

t.test('a direct path that is throttled is left for the relay for five minutes', async t => {
  const driven = DrivenPolicy.relayed()
  const deliver = (bytesPerSecond: number, loss: number, seconds: number): void => {
    for (let second = 0; second < seconds; second++) {
      driven.runBusy(1000)
      const delivery = { bytesPerSecond, loss, probeTimeouts: 0, isLoaded: true }
      driven.do(policy => policy.handleDelivery(delivery, driven.now))
    }
  }
  deliver(5e6, 0, 5)
  driven.find(1, 'v4', 40)
  deliver(1e5, 0.2, 9)
  t.equal(driven.policy.state().route, 1, 'too early to say')
  deliver(1e5, 0.2, 5)
  t.match(driven.policy.state(), { route: 'relay', loss: 0.2 })
  t.match(driven.policy.state().reason, /slower than the relay/)
  driven.runBusy(280_000)
  t.equal(driven.policy.state().route, 'relay')
  driven.runBusy(30_000)
  t.equal(driven.policy.state().route, 1)
})

t.test('a path that is dead is not slow: the guard waits until it is trusted again', async t => {
  const driven = DrivenPolicy.relayed()
  const deliver = (bytesPerSecond: number, seconds: number): void => {
    for (let second = 0; second < seconds; second++) {
      driven.runBusy(1000)
      const delivery = { bytesPerSecond, loss: 0.2, probeTimeouts: 3, isLoaded: true }
      driven.do(policy => policy.handleDelivery(delivery, driven.now))
    }
  }
  deliver(5e6, 5)
  driven.find(1, 'v4', 40)
  deliver(4e6, 15)
  driven.answers.set(1, undefined)
  driven.runBusy(500)
  driven.do(policy => {
    policy.handleDelivery(
      { bytesPerSecond: 1e5, loss: 0.9, probeTimeouts: 3, isLoaded: true },
      driven.now,
    )
  })
  driven.answers.set(1, 40)
  deliver(1e5, 9)
  t.equal(driven.policy.state().route, 1)
  deliver(1e5, 6)
  t.equal(driven.policy.state().route, 'relay')
})

t.test('who comes too late does not condemn a route before he has read what came', async t => {
  const driven = DrivenPolicy.direct()
  driven.runBusy(2000)
  driven.do(policy => policy.handleOutbound(driven.now))
  driven.run(0)
  driven.now += 900
  driven.drain()
  t.equal(driven.policy.state().duplicate, undefined)
  driven.do(policy => policy.handleInbound(1, driven.now + 10))
  driven.run(500)
  t.equal(driven.policy.state().duplicate, undefined)
})

t.test('its reasons tell why it is on the relay', async t => {
  const driven = new DrivenPolicy()
  t.equal(driven.policy.state().reason, 'no direct path was tried yet')
  driven.do(policy => policy.handleRelay(true, 60, driven.now))
  t.equal(driven.policy.state().reason, 'round 1 of punching is under way')
  driven.do(policy => {
    policy.handlePunchEnd({ reason: 'both choose ports at random', isHopeless: true }, driven.now)
  })
  t.equal(driven.policy.state().reason, 'both choose ports at random')
  t.equal(driven.policy.state().rttMs, 60)
  t.ok(driven.policy.state().isHopeless)
  driven.do(policy => policy.handleNewCandidates(driven.now))
  driven.run(60_000)
  t.notOk(driven.policy.state().isHopeless, 'another round is under way')
})

t.test('nonsense does no harm', async t => {
  const policy = new PathPolicy({ role: 'visitor', random: () => 0 }, 0)
  policy.handleInbound(99, 0)
  policy.handleProbeAnswer(99, 5, Number.NaN, 0)
  policy.handleProbeAnswer('relay', 5, -1, 0)
  policy.handlePathGone(99, 0)
  policy.handlePunchEnd({ reason: undefined, isHopeless: true }, 0)
  policy.handleRelay(false, undefined, 0)
  t.equal(policy.poll(0), undefined)
  t.equal(policy.state().rttMs, undefined)
})
