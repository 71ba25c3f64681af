// `frpc peers` and `frpc status` where there is nobody to ask: what is wrong, and what to do.

import { join } from 'node:path'
import t from 'tap'
import { freePort, runToEnd } from './program.ts'

t.test('a file without webServer is told how to get one', async t => {
  const file = join(t.testdir({ 'frpc.toml': 'serverAddr = "127.0.0.1"\n' }), 'frpc.toml')
  for (const command of ['peers', 'status']) {
    const { stdout, status } = await runToEnd('frpc', [command, '-c', file])
    t.match(stdout, 'web server port should be set if you want to use this feature')
    t.match(stdout, `set webServer.port (INI: admin_port) in ${file}`)
    t.equal(status, 1)
  }
})

t.test('a frpc that does not run is said to be so', async t => {
  const port = await freePort()
  const folder = t.testdir({ 'frpc.toml': `webServer.port = ${port}\n` })
  const { stdout, status } = await runToEnd('frpc', ['peers', '-c', join(folder, 'frpc.toml')])
  t.match(stdout, `dial tcp 127.0.0.1:${port}: connect: connection refused; does a frpc run`)
  t.equal(status, 1)
})
