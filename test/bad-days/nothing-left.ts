// Thousands of connections one after another leave nothing behind on either side. One suite for
// both transports; each side of the tunnel is a process of its own.

import { type ChildProcess, fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import net from 'node:net'
import t, { type Test } from 'tap'
import { echo, service } from '../compliance/tunnel.ts'
import type { FromChild, Held } from './tunnel-process.ts'

const MAX_GROWTH_BYTES = 5_000_000

/**
 * Memory is read after each of so many equal parts. A leak grows in all of them; collectors and
 * allocators take a few megabytes once, now or then, and that is in one or two.
 */
const PARTS = 5

/** Open at a time: enough to use both cores, few enough to be "one after another". */
const PARALLEL = 4

/**
 * After the warm-up, caches are filled and the allocators have found their size; the growth over
 * the measured visits is what would go on growing.
 */
export function nothingLeftSuite(
  protocol: 'quic' | 'tcp',
  { warmUp, visits }: { readonly warmUp: number; readonly visits: number },
): void {
  const skip = existsSync('/proc/self/fd') ? false : 'no /proc to count descriptors in'
  t.test(`${protocol}: ${visits} connections leave nothing behind`, { skip }, async t => {
    const localPort = await service(t, echo)
    const server = new Side(t, ['server'])
    const { ports } = await server.next('ready')
    const client = new Side(t, ['client', protocol, `${ports[protocol]}`, `${localPort}`])
    const { port } = await client.next('proxy')
    await visitMany(port, warmUp)
    const sides = [
      { name: 'server', side: server, held: [await server.quiet()] },
      { name: 'client', side: client, held: [await client.quiet()] },
    ]
    for (let part = 0; part < PARTS; part++) {
      await visitMany(port, visits / PARTS)
      for (const { side, held } of sides) held.push(await side.quiet())
    }
    for (const { name, held } of sides) {
      const [first, last] = [held[0], held.at(-1)]
      if (!first || !last) throw new Error('it was measured before')
      t.equal(last.connections, 0, `${name}: no connection is counted`)
      t.equal(last.descriptors, first.descriptors, `${name}: as many descriptors as before`)
      t.strictSame(sockets(last), sockets(first), `${name}: as many sockets as before`)
      const heap = growth(held.map(({ heapBytes }) => heapBytes))
      const rss = growth(held.map(({ rssBytes }) => rssBytes))
      t.ok(heap < MAX_GROWTH_BYTES, `${name}: its heap grows by ${heap >> 10} KiB`)
      t.ok(rss < MAX_GROWTH_BYTES, `${name}: its memory grows by ${rss >> 10} KiB`)
    }
  })
}

/** Over all visits, from the part in the middle. */
function growth(bytes: readonly number[]): number {
  const steps = bytes.slice(1).map((value, i) => value - (bytes[i] ?? 0))
  return PARTS * (steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? Infinity)
}

function sockets({ resources }: Held): string[] {
  return resources.filter(name => /Wrap$|Socket/.test(name)).sort()
}

/** Half of the users end their direction and read on, half just leave. */
async function visitMany(port: number, count: number): Promise<void> {
  let next = 0
  const visitor = async (): Promise<void> => {
    while (next < count) await visit(port, next++ % 2 === 0)
  }
  await Promise.all(Array.from({ length: PARALLEL }, visitor))
}

function visit(port: number, endsFirst: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    let answer = ''
    socket.on('data', chunk => {
      answer += chunk.toString()
      if (!endsFirst && answer === 'ping') socket.destroy()
    })
    socket.on('end', () => socket.destroy())
    socket.on('error', reject)
    socket.on('close', () => {
      if (answer === 'ping') resolve()
      else reject(new Error(`the answer was "${answer}"`))
    })
    if (endsFirst) socket.end('ping')
    else socket.write('ping')
  })
}

class Side {
  readonly #child: ChildProcess
  readonly #messages: FromChild[] = []
  #wake: (() => void) | undefined

  constructor(t: Test, args: readonly string[]) {
    const file = fileURLToPath(new URL('tunnel-process.js', import.meta.url))
    this.#child = fork(file, args, {
      // V8's young generation would take up to 48 MiB whenever it likes.
      execArgv: ['--expose-gc', '--max-semi-space-size=2'],
    })
    this.#child.on('message', (message: FromChild) => {
      this.#messages.push(message)
      this.#wake?.()
    })
    t.teardown(() => this.#child.kill('SIGKILL'))
  }

  /** The next message, which must be of this type. */
  async next<T extends FromChild['type']>(type: T): Promise<Extract<FromChild, { type: T }>> {
    for (;;) {
      const message = this.#messages.shift()
      if (message === undefined) await new Promise<void>(resolve => (this.#wake = resolve))
      else if (isOf(message, type)) return message
      else throw new Error(`${message.type} came instead of ${type}`)
    }
  }

  /** What it holds once no connection is left: the last ones are closed behind the user's back. */
  async quiet(): Promise<Held> {
    let last = ''
    for (;;) {
      this.#child.send('measure')
      const { held } = await this.next('held')
      const state = JSON.stringify([held.descriptors, held.connections, sockets(held)])
      if (held.connections === 0 && state === last) return held
      last = state
    }
  }
}

function isOf<T extends FromChild['type']>(
  message: FromChild,
  type: T,
): message is Extract<FromChild, { type: T }> {
  return message.type === type
}
