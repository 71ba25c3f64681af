import t from 'tap'
import { join } from 'node:path'
import { listLines, planBench, type BenchWords } from '../../bench/options.ts'
import { labSupport } from '../../bench/lab/index.ts'

const hasLab = labSupport() === true

async function plan(words: Partial<BenchWords>, env: NodeJS.ProcessEnv = {}) {
  return planBench({ command: 'frpc bench', ...words }, env)
}

function scenarioNames({ cases }: Awaited<ReturnType<typeof plan>>): string[] {
  return cases.flatMap(({ scenarios }) => scenarios.map(({ name }) => name))
}

t.test('without words it is loopback, ours and no tunnel, bounded in time', async t => {
  const made = await plan({})
  t.strictSame(made.place, { kind: 'loopback' })
  t.strictSame(
    made.peers.map(({ name }) => name),
    ['ours-quic', 'ours-tcp', 'direct'],
  )
  t.equal(made.rounds, 3)
  t.ok(made.budgetMs < 120_000)
  t.ok(scenarioNames(made).includes('bulk-down'))
})

t.test('rounds that were asked for are not cut short', async t => {
  t.match(await plan({ rounds: 7 }), { rounds: 7, budgetMs: Infinity })
})

t.test('quick is one round of a second, unless seconds say more', async t => {
  t.match(await plan({ isQuick: true }), { rounds: 1, measureMs: 1000 })
  t.match(await plan({ isQuick: true, seconds: '0.5' }), { rounds: 1, measureMs: 500 })
})

t.test('a scenario is chosen by its name or by the beginning of several', async t => {
  t.strictSame(scenarioNames(await plan({ scenarios: ['bulk'] })), ['bulk-down', 'bulk-up'])
  t.strictSame(scenarioNames(await plan({ scenarios: ['keystroke'] })), ['keystroke'])
})

t.test('transports choose the peers', async t => {
  const { peers } = await plan({ transports: ['tcp', 'direct'] })
  t.strictSame(
    peers.map(({ name }) => name),
    ['ours-tcp', 'direct'],
  )
})

t.test('the suite of loopback has the goals and the peer that it needs', async t => {
  const made = await plan({ suites: ['loopback'] })
  t.ok(made.peers.some(({ name }) => name === 'ours-quic-1452'))
  t.ok(made.goals.length > 0)
})

t.test('a link is planned where the machine can have one', { skip: !hasLab }, async t => {
  const made = await plan({ emulate: '4g,loss=1%' })
  t.match(made.place, { kind: 'lab', name: '4g', link: { up: { loss: 0.01 } } })
  t.ok(scenarioNames(made).includes('keystroke-down'))
  t.notOk(scenarioNames(made).includes('idle'))
  t.ok((await plan({ emulate: 'satellite' })).cases[0]?.warmUpMs ?? 0 > 5000)
})

t.test('the suites can run together, each figure with its own name', { skip: !hasLab }, async t => {
  const made = await plan({ suites: ['loopback', 'link'] })
  t.strictSame(
    [...new Set(made.cases.map(({ label }) => label))],
    [undefined, 'loss-0', 'loss-1', 'loss-2'],
  )
  t.equal(made.place.kind, 'lab')
  const onLink = made.cases[1]?.peers.map(({ name }) => name) ?? []
  t.notOk(onLink.includes('ours-quic-1452'))
})

t.test('an extra peer is in those cases of a suite that name it', { skip: !hasLab }, async t => {
  const made = await plan({ suites: ['games'] })
  const extras = made.cases.map(({ label, peers }) => [
    label,
    peers.filter(({ isExtra }) => isExtra === true).map(({ name }) => name),
  ])
  t.strictSame(extras, [
    ['loss-2', ['ours-quic-once', 'ours-quic-secret']],
    ['loss-0', []],
    ['loss-2', []],
    [undefined, ['ours-quic-secret']],
    [undefined, []],
  ])
  t.notOk(made.peers.some(({ name }) => name === 'ours-quic-1452'), 'none that nothing asks')
})

t.test('a wrong word is refused before anything starts, in one line', async t => {
  const folder = t.testdir({ 'a-file': '' })
  const cases: [Partial<BenchWords>, RegExp][] = [
    [{ scenarios: ['foo'] }, /no scenario begins with "foo"; there are bulk-down/],
    [{ scenarios: [''] }, /no scenario begins with ""/],
    [{ scenarios: ['rebind'] }, /"rebind" has no meaning without a link/],
    [{ transports: ['ws'] }, /no transport "ws"/],
    [{ transports: ['kcp'] }, /only a real frp has it/],
    [{ peers: ['/nowhere'] }, /--peer \/nowhere does not exist/],
    [{ peers: [folder] }, /there is no executable .*frps/],
    [{ peers: [join(folder, 'a-file')] }, /there is no such executable/],
    [{ rounds: 0 }, /from 1 to 1000/],
    [{ rounds: NaN }, /from 1 to 1000/],
    [{ seconds: '' }, /from 0.1 to 600/],
    [{ seconds: '0' }, /from 0.1 to 600/],
    [{ json: folder }, /is a folder/],
    [{ html: '/nowhere/x.html' }, /cannot be written/],
    [{ emulate: '3g' }, /no link is named "3g"/],
    [{ emulate: '4g', config: 'frpc.toml' }, /give one of them/],
    [{ config: 'frpc.toml', peers: ['/x'] }, /cannot go with -c/],
    [{ suites: ['all'] }, /no suite "all"; there are loopback, link/],
    [{ suites: ['link'], emulate: '4g' }, /a suite has its own links/],
    [{ suites: ['loopback'], scenarios: ['volley'] }, /no "volley" in loopback, which has bulk-/],
  ]
  for (const [words, message] of cases) {
    const error = await plan(words).then(
      () => undefined,
      (reason: Error) => reason,
    )
    t.match(error?.message, message, JSON.stringify(words))
    t.notMatch(error?.message, /\n/, 'one line')
  }
})

t.test('a missing program of the environment names the variable', async t => {
  await t.rejects(plan({}, { FRP_BIN: '/nowhere' }), /FRP_BIN \/nowhere: there is no executable/)
  await t.rejects(plan({}, { RATHOLE_BIN: '/nowhere' }), /RATHOLE_BIN \/nowhere/)
})

t.test('the list names every scenario with its places, and every link', async t => {
  const lines = listLines().join('\n')
  t.match(lines, /bulk-down +how fast .*\[loopback, lab, server\]/)
  t.match(lines, /satellite +geostationary/)
})
