// However a process with a lab ends, nothing of the lab stays.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { removeStaleLabs } from '../../bench/lab/index.ts'
import { skipReason } from './programs.ts'

const HOLDER = fileURLToPath(new URL('./lab-holder.js', import.meta.url))
const ONLY = { skip: skipReason() }

interface Held {
  readonly process: ChildProcess
  readonly ended: Promise<unknown[]>
  readonly namespaces: readonly string[]
}

async function hold(way: string): Promise<Held> {
  // What the test runner loads into its children listens to signals, too: each would leave it to
  // the other to end the process.
  const argv = ['-u', 'NODE_OPTIONS', process.execPath, HOLDER, way]
  const child = spawn('env', argv, { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'exit')
  const [line] = await Promise.race([once(child.stdout, 'data'), ended])
  // The program prints nothing else.
  return { process: child, ended, namespaces: JSON.parse(`${line}`) as string[] }
}

/** What the holder started: the router and the program in the lab. */
function childrenOf({ process: { pid } }: Held): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ')
}

function remaining({ namespaces }: Held): string[] {
  return namespaces.filter(name => existsSync(`/run/netns/${name}`))
}

/** Nothing tells us of the end of another's children. */
async function areGone(pids: readonly string[]): Promise<boolean> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (!pids.some(isAlive)) return true
    await delay(10)
  }
  return false
}

function isAlive(pid: string): boolean {
  try {
    // A zombie, which waits for its new parent, has an empty one.
    return readFileSync(`/proc/${pid}/cmdline`).length > 0
  } catch {
    // No such process.
    return false
  }
}

for (const way of ['exit', 'throw', 'end']) {
  t.test(`a process that ends by itself (${way}) leaves no namespace`, ONLY, async t => {
    const held = await hold(way)
    await held.ended
    t.equal(held.namespaces.length, 2)
    t.strictSame(remaining(held), [])
  })
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  t.test(`${signal} ends the lab, what runs in it, and then the process`, ONLY, async t => {
    const held = await hold('wait')
    const pids = childrenOf(held)
    t.equal(pids.length, 2)
    held.process.kill(signal)
    t.strictSame(await held.ended, [null, signal])
    t.strictSame(remaining(held), [])
    t.ok(await areGone(pids))
  })
}

t.test('what a killed process left goes with the next lab on the machine', ONLY, async t => {
  const living = await hold('wait')
  const held = await hold('wait')
  const pids = childrenOf(held)
  held.process.kill('SIGKILL')
  await held.ended
  removeStaleLabs()
  t.strictSame(remaining(held), [])
  t.ok(await areGone(pids), 'the program and the router, too')
  t.strictSame(remaining(living), living.namespaces, 'a lab in use is left alone')
  living.process.kill('SIGTERM')
  await living.ended
})
