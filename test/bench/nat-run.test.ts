// The nat bench with real programs in its lab: a relayed visitor, which needs no path of its own.

import t from 'tap'
import { labSupport } from '../../bench/lab/index.ts'
import { attempt } from '../../bench/nat/attempt.ts'
import { ourXtcpPeer } from '../../bench/nat/choose.ts'
import type { Part } from '../../bench/nat/part.ts'
import { PAIRS } from '../../bench/nat/places.ts'
import { runNat } from '../../bench/nat/run.ts'

const support = labSupport()
const skip = support === true ? false : support

const part: Part = {
  name: 'probe',
  title: 'a relayed visitor',
  metrics: [{ id: 'probe', title: 'first byte', unit: 'ms', better: 'lower', scenario: 'probe' }],
  goals: [{ type: 'bound', metric: 'probe', peer: 'ours-xtcp', atLeast: 60 }],
  includes: () => true,
  run: async rig => {
    const { world, server, signal } = rig
    rig.step('probe', 1, 1)
    const place = { type: 'apart', visitor: 'random', owner: 'carrier' } as const
    const options = { place, pair: { way: 'relay' }, limitMs: 1000, settleMs: 0 } as const
    const { firstByteMs, directMs } = await attempt(world, server, options, signal)
    rig.add({ probe: firstByteMs ?? NaN }, 1)
    t.equal(directMs, undefined, 'nothing went past the server')
    t.ok((await world.crossing()).serverBytes[0] > 0)
    rig.fail('on purpose', new Error('one try failed'))
  },
}

t.test('a part gets a lab with both machines, its figures a report', { skip }, async t => {
  const steps: string[] = []
  const report = await runNat({
    plan: { tries: 1, isQuick: true, pairs: PAIRS, parts: [part], peers: [ourXtcpPeer()] },
    command: 'npm run bench -- nat',
    signal: new AbortController().signal,
    progress: ({ scenario }) => steps.push(scenario),
  })
  t.strictSame(steps, ['probe'])
  t.match(report.failures, [{ scenario: 'probe (on purpose)', message: 'one try failed' }])
  t.match(report.goals, [{ verdict: 'met' }], 'the relay is 60 ms there and back')
  t.match(report.place, { kind: 'lab', text: /30 ms from frps and back, 40 ms from each other/ })
})
