// The two programs as users run them: start, serve, end; what they print and with which status.

import { existsSync, readFileSync, statSync, unwatchFile, watchFile } from 'node:fs'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePort, Running, runToEnd, takenPort, type ProgramName } from './program.ts'

const TOKEN = 'never-to-be-seen-5f1e'

function start(t: Test, name: ProgramName, args: readonly string[]): Running {
  const running = new Running(name, args)
  t.teardown(() => running.kill())
  return running
}

async function startServer(t: Test, ...args: string[]) {
  const port = await freePort()
  const flags = ['--bind_addr', '127.0.0.1', '-p', String(port), '--proxy_bind_addr', '127.0.0.1']
  const frps = start(t, 'frps', [...flags, ...args])
  await frps.printed('frps started successfully')
  return { frps, port }
}

/** A local service that answers each connection with its first chunk in capitals. */
async function startService(t: Test): Promise<number> {
  const server = createServer(socket => {
    socket.on('error', () => undefined)
    socket.on('data', chunk => socket.end(chunk.toString().toUpperCase()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP address')
  return address.port
}

async function ask(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk))
  socket.write(text)
  await once(socket, 'close')
  return answer
}

t.test('frps and frpc tcp serve a port, log in the form of frp and end with status 0', async t => {
  const trace = ['--log_level', 'trace', '-t', TOKEN]
  const { frps, port } = await startServer(t, ...trace)
  const local = await startService(t)
  const remote = await freePort()
  const frpc = start(t, 'frpc', [
    'tcp',
    ...trace,
    ...['-P', String(port), '-n', 'web', '-l', String(local), '-r', String(remote)],
  ])
  await frpc.printed('[web] start proxy success')
  t.equal(await ask(remote, 'hello'), 'HELLO')
  await frps.printed('get a user connection [127.0.0.1:')

  frpc.signal('SIGTERM')
  const client = await frpc.ended
  t.match(client, { status: 0, signal: null, stderr: '' })
  await frps.printed('client exit success')
  frps.signal('SIGINT')
  const server = await frps.ended
  t.match(server, { status: 0, signal: null, stderr: '' })

  t.match(server.stdout, 'frps uses command line arguments for config')
  t.match(server.stdout, `frps tcp listen on 127.0.0.1:${port}`)
  t.match(client.stdout, 'login to server success, get run id [')
  for (const line of [...server.stdout.split('\n'), ...client.stdout.split('\n')]) {
    if (line === '') continue
    t.match(line, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \[[TDIWE]\] \[[\w/-]+\] /)
  }
  t.notMatch(server.stdout + client.stdout, TOKEN, 'the token is in no line, at no level')
})

t.test('JSON logs are one object a line, without the token', async t => {
  const { frps } = await startServer(t, '--log_json', '--log_level=trace', `--token=${TOKEN}`)
  frps.signal('SIGTERM')
  const { stdout } = await frps.ended
  const records = stdout.trim().split('\n').map(line => JSON.parse(line) as unknown)
  t.ok(records.length > 2)
  for (const record of records) t.match(record, { level: String, time: String, msg: String })
  t.notMatch(stdout, TOKEN)
})

t.test('a port in use is told as frp does, status 1', async t => {
  const { server, port } = await takenPort()
  t.teardown(() => server.close())
  const { stdout, status } = await runToEnd('frps', ['--bind_addr=127.0.0.1', `-p${port}`])
  t.match(
    stdout,
    `create server listener error, listen tcp 127.0.0.1:${port}: bind: address already in use\n`,
  )
  t.equal(status, 1)
})

t.test('without a server the first login fails with its reason, status 1', async t => {
  const port = await freePort()
  const { stdout, status } = await runToEnd('frpc', ['tcp', `-P${port}`, '-n', 'x', '-p', 'tcp'])
  t.match(stdout, /\nlogin to the server failed: .*refused.*\. With loginFailExit enabled, no/i)
  t.equal(status, 1)
})

t.test('with loginFailExit off frpc goes on trying until a signal ends it', async t => {
  const port = await freePort()
  const text = `serverAddr: 127.0.0.1\nserverPort: ${port}\nloginFailExit: false\n`
  const path = join(t.testdir({ 'frpc.yaml': text }), 'frpc.yaml')
  const frpc = start(t, 'frpc', ['-c', path])
  await frpc.printed('connect to server error')
  frpc.signal('SIGTERM')
  t.match(await frpc.ended, { status: 0, stderr: '' })
})

t.test('a wrong token ends frpc with the answer of the server', async t => {
  const { frps, port } = await startServer(t, '-t', TOKEN)
  const flags = [`-P${port}`, '-n', 'x', '-t', 'wrong-9']
  const { stdout, status } = await runToEnd('frpc', ['tcp', ...flags])
  t.match(stdout, /login to the server failed: .*token.*\. With loginFailExit enabled/)
  t.equal(status, 1)
  await frps.printed('register control error')
  t.notMatch(stdout + frps.stdout, new RegExp(`${TOKEN}|wrong-9`))
})

t.test('a proxy without a name is refused before anything is dialled', async t => {
  const { stdout, status } = await runToEnd('frpc', ['tcp', '-l', '22'])
  t.match(stdout, 'name should not be empty')
  t.equal(status, 1)
})

t.test('--config_dir runs one client a file and says why a file failed', async t => {
  const { port } = await startServer(t)
  const local = await startService(t)
  const file = (name: string, remote: number): string => `serverPort = ${port}
serverAddr = "127.0.0.1"
[[proxies]]
name = "${name}"
type = "tcp"
localPort = ${local}
remotePort = ${remote}
`
  const oldFile = (name: string, remote: number): string => `[common]
server_addr = 127.0.0.1
server_port = ${port}
[${name}]
type = tcp
local_ip = 127.0.0.1
local_port = ${local}
remote_port = ${remote}
`
  const remotes = [await freePort(), await freePort()] as const
  const folder = t.testdir({
    'one.toml': file('one', remotes[0]),
    deeper: { 'two.ini': oldFile('two', remotes[1]) },
    'wrong.toml': 'serverPrt = 1\n',
  })
  const frpc = start(t, 'frpc', ['--config-dir', folder])
  await frpc.printed('[one] start proxy success')
  await frpc.printed('[two] start proxy success')
  await frpc.printed(/service error for config file \[.*wrong\.toml\]\n.*unknown field "serverPrt"/)
  t.equal(await ask(remotes[0], 'a'), 'A')
  t.equal(await ask(remotes[1], 'b'), 'B')
  frpc.signal('SIGTERM')
  const { status, stdout } = await frpc.ended
  t.equal(status, 0)
  t.match(stdout, `frpc service for config file [${join(folder, 'one.toml')}] stopped`)
})

t.test('log.to names a file that only its owner can read', async t => {
  const folder = t.testdir({})
  const path = join(folder, 'logs', 'frps.log')
  const port = await freePort()
  const frps = start(t, 'frps', [`-p${port}`, '--bind_addr=127.0.0.1', '--log_file', path])
  await written(path, 'frps started successfully')
  frps.signal('SIGTERM')
  t.strictSame(await frps.ended, { status: 0, signal: null, stdout: '', stderr: '' })
  t.equal(statSync(path).mode & 0o777, 0o600)
})

t.test('a log file that cannot be opened is named, status 1', async t => {
  const path = join(t.testdir({ file: '' }), 'file', 'x.log')
  const { stdout, status } = await runToEnd('frps', ['--log_file', path])
  t.match(stdout, path)
  t.equal(status, 1)
})

/**
 * Resolves when the file, which need not exist yet, holds the text; the runner's time-out is the
 * bound.
 */
function written(path: string, text: string): Promise<void> {
  return new Promise(resolve => {
    const look = (): void => {
      if (!existsSync(path) || !readFileSync(path, 'utf8').includes(text)) return
      unwatchFile(path, look)
      resolve()
    }
    watchFile(path, { interval: 20 }, look)
    look()
  })
}
