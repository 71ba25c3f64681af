import t from 'tap'
import type { Peer } from '../../bench/peers/peer.ts'
import type { Scenario } from '../../bench/scenarios/scenario.ts'
import { runSession, type BenchCase } from '../../bench/session.ts'
import type { LinkControl } from '../../bench/site.ts'
import { loopbackSite, type OpenSite } from '../../bench/sites.ts'

interface Trace {
  readonly opened: string[]
  readonly closed: string[]
}

function newTrace(): Trace {
  return { opened: [], closed: [] }
}

function peer(name: string, { opened, closed }: Trace): Peer {
  return {
    name,
    description: name,
    transport: 'none',
    servicesAt: 'client',
    open: async (site, services) => {
      opened.push(name)
      const close = async (): Promise<void> => void closed.push(name)
      return { host: site.addresses.server, ports: services, programs: undefined, close }
    },
  }
}

function scenario(run: Scenario['run'], runsPerRound = 1): Scenario {
  return {
    name: 'still',
    title: 'is anything there?',
    metrics: [{ id: 'still', title: 'nothing', unit: 'us', better: 'lower', scenario: 'still' }],
    runsPerRound,
    places: ['loopback'],
    defaultPlaces: ['loopback'],
    includes: ({ name }) => name !== 'excluded',
    run,
  }
}

const one: Scenario['run'] = async () => ({ values: { still: 1 } })

function caseOf(peers: Peer[], still: Scenario, more: Partial<BenchCase> = {}): BenchCase {
  return {
    label: undefined,
    labelText: undefined,
    peers,
    scenarios: [still],
    measureMs: 1,
    warmUpMs: 1,
    openSite: () => Promise.resolve(loopbackSite('loopback')),
    ...more,
  }
}

const SETTINGS = {
  rounds: 3,
  budgetMs: Infinity,
  signal: new AbortController().signal,
  progress: () => {},
}

t.test('runs alternate between the peers, and each tunnel is closed', async t => {
  const trace = newTrace()
  const peers = ['a', 'excluded', 'b'].map(name => peer(name, trace))
  const cases = [caseOf(peers, scenario(one))]
  const { results, failures, rounds } = await runSession({ ...SETTINGS, cases })
  t.strictSame(trace.opened, ['a', 'b', 'a', 'b', 'a', 'b'])
  t.strictSame(trace.closed, trace.opened)
  t.equal(results.summary('still', 'a')?.count, 3)
  t.equal(rounds, 3)
  t.strictSame(failures, [])
})

t.test('a peer that fails twice is not asked a third time, the others go on', async t => {
  const trace = newTrace()
  const broken: Peer = {
    ...peer('broken', trace),
    open: async () => Promise.reject(new Error('port taken')),
  }
  const cases = [caseOf([broken, peer('b', trace)], scenario(one))]
  const { results, failures } = await runSession({ ...SETTINGS, cases })
  t.strictSame(failures, [
    { scenario: 'still', peer: 'broken', message: 'port taken' },
    { scenario: 'still', peer: 'broken', message: 'port taken' },
  ])
  t.equal(results.summary('still', 'b')?.count, 3)
})

t.test('an interrupted session keeps what it has and closes the tunnel under way', async t => {
  const trace = newTrace()
  const controller = new AbortController()
  let runs = 0
  const run: Scenario['run'] = async () => {
    if (++runs < 3) return { values: { still: runs } }
    controller.abort()
    return new Promise(() => {})
  }
  const peers = [peer('a', trace), peer('b', trace)]
  const { signal } = controller
  const cases = [caseOf(peers, scenario(run))]
  const { results, failures, rounds } = await runSession({ ...SETTINGS, cases, signal })
  t.strictSame(trace.closed, ['a', 'b', 'a'])
  t.strictSame([results.values('still', 'a'), results.values('still', 'b')], [[1], [2]])
  t.equal(rounds, 1, 'the second one was not completed')
  t.strictSame(failures, [])
})

t.test('a round that would end after the budget is not begun', async t => {
  const trace = newTrace()
  const cases = [caseOf([peer('a', trace)], scenario(one))]
  const { rounds } = await runSession({ ...SETTINGS, cases, budgetMs: 0 })
  t.equal(rounds, 1)
})

t.test('every round opens each site once and closes it, with its runs inside', async t => {
  const trace = newTrace()
  const sites: string[] = []
  const open = (name: string) => async (): Promise<OpenSite> => {
    sites.push(`open ${name}`)
    const { site } = loopbackSite('loopback')
    return { site, close: async () => void sites.push(`close ${name} after ${trace.opened.length}`) }
  }
  const still = scenario(one, 2)
  const cases = ['x', 'y'].map(label => {
    return caseOf([peer('a', trace)], still, { label, labelText: label, openSite: open(label) })
  })
  const steps: [string, number, number][] = []
  const { results } = await runSession({
    ...SETTINGS,
    cases,
    rounds: 1,
    progress: ({ scenario: name, done, total }) => steps.push([name, done, total]),
  })
  t.strictSame(sites, ['open x', 'close x after 2', 'open y', 'close y after 4'])
  t.strictSame(results.toJSON(), { 'still@x': { a: [1, 1] }, 'still@y': { a: [1, 1] } })
  t.strictSame(steps, [
    ['still@x', 0, 4],
    ['still@x', 1, 4],
    ['still@y', 2, 4],
    ['still@y', 3, 4],
  ])
})

t.test('a site that cannot be opened is reported, and the next one is measured', async t => {
  const trace = newTrace()
  const openSite = async (): Promise<OpenSite> => Promise.reject(new Error('no more namespaces'))
  const broken = caseOf([peer('a', trace)], scenario(one), { label: 'x', openSite })
  const cases = [broken, caseOf([peer('a', trace)], scenario(one))]
  const { results, failures } = await runSession({ ...SETTINGS, cases, rounds: 1 })
  t.strictSame(failures, [{ scenario: 'x', peer: 'lab', message: 'no more namespaces' }])
  t.strictSame(results.toJSON(), { still: { a: [1] } })
})

t.test('a lab that was late is a note with its worst round, and one in time is none', async t => {
  const late = [1.9, 3.24, 2.5, 5]
  const at = (lateMs: () => number) => async (): Promise<OpenSite> => {
    const { site, close } = loopbackSite('loopback')
    const link = { lateMs: () => Promise.resolve(lateMs()) }
    // Nothing else is asked of it here.
    return { site: { ...site, link: link as unknown as LinkControl }, close }
  }
  const cases = [
    caseOf([peer('a', newTrace())], scenario(one), {
      label: 'x',
      labelText: '2 % loss',
      openSite: at(() => late.shift() ?? 0),
    }),
    caseOf([peer('a', newTrace())], scenario(one), { openSite: at(() => 0.4) }),
  ]
  const three = await runSession({ ...SETTINGS, cases, rounds: 3 })
  t.match(three.notes, [/^the link with 2 % loss was up to 3\.2 ms late/])
  t.equal(three.notes.length, 1)
  const { notes } = await runSession({ ...SETTINGS, cases, rounds: 1 })
  t.match(notes, [/up to 5 ms and more late/])
})
