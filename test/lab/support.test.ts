import { spawnSync } from 'node:child_process'
import t from 'tap'
import { skipReason } from './programs.ts'

const SUPPORT = new URL('../../bench/lab/index.js', import.meta.url)
const ASK = `import { labSupport } from '${SUPPORT}'; console.log(labSupport())`
const NOBODY = 65_534

t.test('without root the lab says what to do, in one line', { skip: skipReason() }, async t => {
  const asked = spawnSync(process.execPath, ['--input-type=module', '-e', ASK], { uid: NOBODY })
  t.equal(asked.stdout.toString(), 'the lab needs root: run it with sudo\n')
})

t.test('without the ip command, too', { skip: skipReason() }, async t => {
  const asked = spawnSync(process.execPath, ['--input-type=module', '-e', ASK], {
    env: { PATH: '/nowhere' },
  })
  t.equal(asked.stdout.toString(), 'the lab needs the ip command: install iproute2\n')
})
