// `npm start -- --once` is the first thing that a new user sees of the project.

import { createServer } from 'node:net'
import t from 'tap'
import { Running, runToEnd } from './program.ts'

t.test('the demonstration publishes the two ports of the README and visits them', async t => {
  const { status, stdout, stderr } = await runToEnd('demo', ['--once'])
  t.strictSame({ status, stderr }, { status: 0, stderr: '' }, stdout)
  t.match(stdout, /frps +127\.0\.0\.1:\d+/)
  t.match(stdout, /transport +(quic|tcp)\b/)
  t.match(stdout, /ssh +127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+ +ok +"SSH-2\.0-/)
  t.match(stdout, /http +127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+ +ok +HTTP 200/)
  t.match(stdout, /curl http:\/\/127\.0\.0\.1:\d+\//)
  t.notMatch(stdout, '\x1b', 'no colours where there is no terminal')
})

t.test('it finds other ports where its own are taken', async t => {
  // Whoever holds them already (another run of this suite) serves the purpose as well.
  for (const port of [7000, 6000, 6001]) {
    const server = createServer().listen(port, '127.0.0.1')
    await new Promise(resolve => server.once('error', resolve).once('listening', resolve))
    t.teardown(() => server.close())
  }
  const { status, stdout } = await runToEnd('demo', ['--once'])
  t.equal(status, 0, stdout)
  t.notMatch(stdout, /127\.0\.0\.1:(7000|6000|6001)\b/)
})

t.test('without --once it stays until Ctrl-C and ends with status 0', async t => {
  const demo = new Running('demo', [])
  t.teardown(() => demo.kill())
  await demo.printed('Running until Ctrl-C')
  demo.signal('SIGINT')
  t.match(await demo.ended, { status: 0, stderr: '' })
})
