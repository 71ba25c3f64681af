// `frpc bench` from the command line. What it measures is tested where it is measured.

import t from 'tap'
import { join } from 'node:path'
import { readFileSync } from 'node:fs'
import { labSupport } from '../../bench/lab/index.ts'
import { Running, runToEnd } from './program.ts'

const FAST = ['bench', '--quick', '--seconds', '0.2', '--transports', 'tcp']

t.test('the help names its flags, and scenarios and links are listed', async t => {
  const help = await runToEnd('frpc', ['bench', '--help'])
  t.match(help, { status: 0, stdout: /--emulate string[^]*--html string/ })
  const list = await runToEnd('frpc', ['bench', '--list'])
  t.match(list, { status: 0, stdout: /bulk-down[^]*satellite/ })
})

t.test('a wrong word is one line on stderr', async t => {
  const { status, stdout, stderr } = await runToEnd('frpc', ['bench', '--emulate', '3g'])
  t.strictSame([status, stdout], [1, ''])
  t.match(stderr, /^Error: --emulate: no link is named "3g"; there are .*\n$/)
})

t.test('-c is only a server to measure when it is given', async t => {
  const { status, stderr } = await runToEnd('frpc', ['bench', '-c', './frpc.ini'], {
    cwd: t.testdir(),
  })
  t.equal(status, 1)
  t.match(stderr, /^Error: open \.\/frpc\.ini: no such file or directory\n$/)
})

t.test('a run on loopback prints figures and writes the report twice', async t => {
  const folder = t.testdir()
  const [json, html] = [join(folder, 'r.json'), join(folder, 'r.html')]
  const args = [...FAST, '--scenarios', 'bulk-down', '--json', json, '--html', html]
  const { status, stdout } = await runToEnd('frpc', args)
  t.equal(status, 0)
  t.match(stdout, /one stream to the user[^]*ours-tcp +[\d.]+ Mbit\/s/)
  const report = JSON.parse(readFileSync(json, 'utf8'))
  t.match(report, {
    version: 1,
    command: `frpc ${args.join(' ')}`,
    place: { kind: 'loopback' },
    rounds: 1,
    failures: [],
  })
  t.ok(report.values['bulk-down']['ours-tcp'][0] > 0)
  t.match(readFileSync(html, 'utf8'), /^<!doctype html>/i)
})

t.test('with the JSON on stdout nothing else is there', async t => {
  const { status, stdout } = await runToEnd('frpc', [...FAST, '--scenarios', 'bulk', '--json', '-'])
  const { version, failures } = JSON.parse(stdout)
  t.equal(version, 1)
  // On a machine with other work a window of 200 ms can pass without a byte; the report says so.
  t.equal(status, failures.length > 0 ? 1 : 0, JSON.stringify(failures))
})

t.test('Ctrl-C reports what there is', async t => {
  const bench = new Running('frpc', ['bench', '--seconds', '60', '--scenarios', 'bulk'])
  t.teardown(() => bench.kill())
  await bench.printed('bulk-down of ours-quic', 'stderr')
  bench.signal('SIGINT')
  t.match(await bench.ended, { status: 130, stdout: /interrupted after/ })
})

const skip = labSupport() === true ? false : String(labSupport())

t.test('a run on an emulated link, whose delay is in its figures', { skip }, async t => {
  const link = ['--emulate', 'delay=20ms,user-rtt=10ms', '--scenarios', 'keystroke']
  const { status, stdout, stderr } = await runToEnd('frpc', [...FAST, ...link, '--json', '-'])
  t.equal(status, 0, stderr)
  const { values, place } = JSON.parse(stdout)
  t.match(place, { kind: 'lab', link: { up: { delayMs: 20 }, userRoundTripMs: 10 } })
  t.ok(values['keystroke-p50']['ours-tcp'][0] >= 50, 'two legs')
})
