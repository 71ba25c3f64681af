// `.ci/run` with an npm that only pretends: what it counts, and with which status it ends.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'

/** The two statuses are those of `npm ci` and `npm test`, the output is what the latter prints. */
function ciRun(
  t: Test,
  { ci = 0, test = 0, output = '' },
): { status: number | null; last: string } {
  const npm = `#!/bin/sh
case "$1" in
  ci) exit ${ci} ;;
  *) cat "$(dirname "$0")/output"; exit ${test} ;;
esac
`
  const folder = t.testdir({ npm, output })
  spawnSync('chmod', ['+x', join(folder, 'npm')])
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` }
  const { status, stdout } = spawnSync('bash', ['.ci/run'], { env, encoding: 'utf8' })
  return { status, last: stdout.trimEnd().split('\n').at(-1) ?? '' }
}

t.test('all passed', async t => {
  const output = 'ok 1\n# No coverage generated\n# { total: 74, pass: 74 }\n# time=1ms\n'
  t.strictSame(ciRun(t, { output }), { status: 0, last: '74 passed, 0 failed, 0 skipped' })
})

t.test('failures fail, skipped and todo are counted apart', async t => {
  const output = '# { total: 7, pass: 3, fail: 1, todo: 1, skip: 2 }\n'
  t.strictSame(ciRun(t, { output, test: 1 }), { status: 1, last: '3 passed, 1 failed, 3 skipped' })
})

t.test('only the summary of the whole run counts', async t => {
  const output = '    # { total: 9, pass: 0, fail: 9 }\n# { total: 2, pass: 2 }\n'
  t.equal(ciRun(t, { output }).last, '2 passed, 0 failed, 0 skipped')
})

t.test('a build that fails, a runner that breaks, or nothing at all is a failure', async t => {
  const failed = { status: 1, last: '0 passed, 1 failed, 0 skipped' }
  t.strictSame(ciRun(t, { ci: 1 }), failed, 'npm ci')
  t.strictSame(ciRun(t, { output: 'error TS1005\n', test: 2 }), failed, 'the build')
  t.strictSame(ciRun(t, { output: '# { total: 0 }\n' }), failed, 'no test')
  t.strictSame(
    ciRun(t, { output: '# { total: 5, pass: 5 }\n', test: 7 }),
    { status: 1, last: '5 passed, 1 failed, 0 skipped' },
    'the runner',
  )
})
