import t, { type Test } from 'tap'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Program } from '../../bench/process.ts'

function node(t: Test, script: string): Program {
  const program = new Program({
    title: 'frps of test',
    command: process.execPath,
    args: ['-e', script]
  })
  t.teardown(() => program.stop())
  return program
}

t.test('a program is ready when it has printed all that is waited for', async t => {
  const program = node(
    t,
    'console.log("[b] up"); console.error("[a] up"); setInterval(() => {}, 1000)'
  )
  await program.printed(['[a] up', '[b] up'], 30_000)
  t.ok(program.isRunning)
})

t.test('a program that ends early is explained by its last lines', async t => {
  const program = node(t, 'console.log("port 7000 is taken"); process.exit(3)')
  await t.rejects(program.printed(['ready'], 30_000), {
    message: /frps of test ended with status 3; its last lines:\n {2}\| port 7000 is taken/
  })
  t.throws(() => program.check(), /status 3/)
})

t.test('a program that stays silent fails at the timeout and says what was missing', async t => {
  const program = node(t, 'setInterval(() => {}, 1000)')
  await t.rejects(program.printed(['ready'], 50), { message: /did not print "ready" within 50 ms/ })
})

t.test('a command that does not exist is an error with its name', async t => {
  const program = new Program({ title: 'frps of test', command: '/nowhere/frps', args: [] })
  await t.rejects(program.printed(['ready'], 30_000), {
    message: /could not be started.*\/nowhere\/frps/
  })
  await program.stop()
})

t.test('stopping ends a program that ignores SIGTERM, and what it started', async t => {
  const script = `
    process.on('SIGTERM', () => {})
    const { spawn } = require('node:child_process')
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    console.log('child ' + child.pid + ' is up')
    setInterval(() => {}, 1000)`
  const program = node(t, script)
  await program.printed(['is up'], 30_000)
  const childPid = Number(/child (\d+)/.exec(program.failure('shows').message)?.[1])
  await Promise.all([program.stop(), program.stop()])
  t.notOk(program.isRunning)
  t.ok(await isGone(childPid))
})

/**
 * A killed orphan stays visible until its new parent has taken note, which nothing here can await.
 */
async function isGone(pid: number): Promise<boolean> {
  for (let turn = 0; turn < 1e6; turn++) {
    if (!isAlive(pid)) return true
    await new Promise(resolve => setImmediate(resolve))
  }
  return false
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false // no such process
  }
}

t.test('a program ends when the process that started it was killed', async t => {
  const url = new URL('../../bench/process.js', import.meta.url)
  const sleeper = `console.log(process.pid); setInterval(() => {}, 1000)`
  const script = `
    const { Program } = await import(${JSON.stringify(url.href)})
    const args = ['-e', ${JSON.stringify(sleeper)}]
    const program = new Program({ title: 'sleeper', command: process.execPath, args })
    await program.printed([String(program.pid)], 30_000)
    console.log('sleeper ' + program.pid)
    setInterval(() => {}, 1000)`
  const outer = spawn(process.execPath, ['--input-type=module', '-e', script])
  t.teardown(() => outer.kill('SIGKILL'))
  let printed = ''
  for await (const text of outer.stdout.setEncoding('utf8')) {
    printed += text
    if (/sleeper \d+\n/.test(printed)) break
  }
  const pid = Number(/sleeper (\d+)/.exec(printed)?.[1])
  t.ok(isAlive(pid))
  outer.kill('SIGKILL')
  t.ok(await isGone(pid))
})
