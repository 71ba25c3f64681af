import { join } from 'node:path'
import t from 'tap'
import { runToEnd } from './program.ts'

const SEED = `[common]
server_addr = x.x.x.x
server_port = 7000
[ssh]
type = tcp
local_ip = 127.0.0.1
local_port = 22
remote_port = 6000
[http]
type = tcp
local_ip = 127.0.0.1
local_port = 80
remote_port = 6001
`

t.test('a file that is right is said to be right', async t => {
  const folder = t.testdir({ 'frpc.ini': SEED, frps: 'bindPort = 7000' })
  const client = await runToEnd('frpc', ['verify', '-c', join(folder, 'frpc.ini')])
  t.match(client.stdout, `frpc: the configuration file ${join(folder, 'frpc.ini')} syntax is ok\n`)
  t.equal(client.status, 0)
  t.match(await runToEnd('frps', ['verify', '-c', join(folder, 'frps')]), {
    stdout: `frps: the configuration file ${join(folder, 'frps')} syntax is ok\n`,
    status: 0,
  })
})

t.test('without -c frpc verifies ./frpc.ini', async t => {
  const cwd = t.testdir({ 'frpc.ini': SEED })
  const { stdout, status } = await runToEnd('frpc', ['verify'], { cwd })
  t.match(stdout, 'frpc: the configuration file ./frpc.ini syntax is ok\n')
  t.equal(status, 0)
})

t.test('no file at all is no mistake of verify', async t => {
  t.match(await runToEnd('frps', ['verify', 'positional']), {
    stdout: 'frps: the configuration file is not specified\n',
    status: 0,
  })
})

t.test('a missing file is named as the system names it, on stdout, status 1', async t => {
  const cwd = t.testdir({})
  for (const args of [[], ['verify']]) {
    const { stdout, stderr, status } = await runToEnd('frpc', args, { cwd })
    t.match(stdout, /^open \.\/frpc\.ini: no such file or directory/)
    t.strictSame({ stderr, status }, { stderr: '', status: 1 })
  }
})

t.test('all mistakes of a file are told at once, with file and key', async t => {
  const folder = t.testdir({ 'frpc.toml': 'serverPort = "a"\nserverAdr = "b"\n' })
  const { stdout, status } = await runToEnd('frpc', ['verify', '-c', join(folder, 'frpc.toml')])
  t.match(stdout, 'unknown field "serverAdr"')
  t.match(stdout, 'serverPort')
  t.match(stdout, 'frpc.toml')
  t.notMatch(stdout, 'syntax is ok')
  t.notMatch(stdout, 'CONFIG_INVALID', 'codes are for programs')
  t.equal(status, 1)
})

t.test('--strict_config=false lets unknown keys pass', async t => {
  const folder = t.testdir({ 'frps.toml': 'bindPrt = 7000\n' })
  const path = join(folder, 'frps.toml')
  t.equal((await runToEnd('frps', ['verify', '-c', path])).status, 1)
  t.equal((await runToEnd('frps', ['verify', '--strict_config=false', '-c', path])).status, 0)
})

t.test('verify runs no token source, and refuses one that is not allowed', async t => {
  const folder = t.testdir({
    'frps.toml': `[auth.tokenSource]
type = "exec"
exec = { command = "/nowhere/at/all" }
`,
  })
  const path = join(folder, 'frps.toml')
  const refused = await runToEnd('frps', ['verify', '-c', path])
  t.match(refused.stdout, 'unsafe feature "TokenSourceExec" is not enabled')
  t.equal(refused.status, 1)
  const allowed = await runToEnd('frps', ['verify', '-c', path, '--allow-unsafe=TokenSourceExec'])
  t.equal(allowed.status, 0)
})
