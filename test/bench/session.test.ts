import t from 'tap'
import type { Peer } from '../../bench/peers/peer.ts'
import type { Scenario } from '../../bench/scenarios/scenario.ts'
import { runSession } from '../../bench/session.ts'

interface Trace {
  readonly opened: string[]
  readonly closed: string[]
}

function peer(name: string, { opened, closed }: Trace): Peer {
  return {
    name,
    description: name,
    open: async services => {
      opened.push(name)
      const close = async (): Promise<void> => void closed.push(name)
      return { ports: services, programs: undefined, close }
    }
  }
}

function scenario(run: Scenario['run']): Scenario {
  return {
    name: 'still',
    metrics: [{ id: 'still', title: 'nothing', unit: 'us' }],
    runsPerRound: 1,
    includes: name => name !== 'excluded',
    run
  }
}

const SETTINGS = { rounds: 3, measureMs: 1, warmUpMs: 1, progress: () => {} }

t.test('runs alternate between the peers, and each tunnel is closed', async t => {
  const trace: Trace = { opened: [], closed: [] }
  const peers = ['a', 'excluded', 'b'].map(name => peer(name, trace))
  const scenarios = [scenario(async () => ({ still: 1 }))]
  const { signal } = new AbortController()
  const { results, failures } = await runSession({ ...SETTINGS, peers, scenarios, signal })
  t.strictSame(trace.opened, ['a', 'b', 'a', 'b', 'a', 'b'])
  t.strictSame(trace.closed, trace.opened)
  t.equal(results.summary('still', 'a')?.count, 3)
  t.strictSame(failures, [])
})

t.test('a peer that fails twice is not asked a third time, the others go on', async t => {
  const trace: Trace = { opened: [], closed: [] }
  const broken: Peer = {
    ...peer('broken', trace),
    open: async () => Promise.reject(new Error('port taken'))
  }
  const peers = [broken, peer('b', trace)]
  const scenarios = [scenario(async () => ({ still: 1 }))]
  const { signal } = new AbortController()
  const { results, failures } = await runSession({ ...SETTINGS, peers, scenarios, signal })
  t.strictSame(
    failures.map(({ peer: name, message }) => [name, message]),
    [
      ['broken', 'port taken'],
      ['broken', 'port taken']
    ]
  )
  t.equal(results.summary('still', 'b')?.count, 3)
})

t.test('an interrupted session keeps what it has and closes the tunnel under way', async t => {
  const trace: Trace = { opened: [], closed: [] }
  const controller = new AbortController()
  let runs = 0
  const run = async (): Promise<Record<string, number>> => {
    if (++runs < 3) return { still: runs }
    controller.abort()
    return new Promise(() => {})
  }
  const peers = [peer('a', trace), peer('b', trace)]
  const { signal } = controller
  const { results, failures } = await runSession({
    ...SETTINGS,
    peers,
    scenarios: [scenario(run)],
    signal
  })
  t.strictSame(trace.closed, ['a', 'b', 'a'])
  t.strictSame([results.values('still', 'a'), results.values('still', 'b')], [[1], [2]])
  t.strictSame(failures, [])
})
