// Runs the built programs as a user does, and waits for what they print.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import { fileURLToPath } from 'node:url'

/** Programs of this build. */
export type ProgramName = 'frps' | 'frpc' | 'demo'

/** Another program: the path of its executable. */
export interface ForeignProgram {
  readonly path: string
}

export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface StartOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

/**
 * A busy machine with two cores may take seconds to start Node; this is only for what would wait
 * for ever.
 */
const WAIT_MS = 30_000

/** A program that is running, with what it has printed so far. */
export class Running {
  readonly #child: ChildProcessWithoutNullStreams
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''

  constructor(
    program: ProgramName | ForeignProgram,
    args: readonly string[],
    { cwd, env }: StartOptions = {},
  ) {
    const [command, ...first] = commandOf(program)
    this.#child = spawn(command, [...first, ...args], {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
      ...(cwd !== undefined && { cwd }),
    })
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject)
      this.#child.on('close', (status, signal) => {
        resolve({ status, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  /**
   * Resolves when stdout (or stderr) holds the text (or the pattern); rejects when the program ends
   * without it.
   */
  printed(wanted: string | RegExp, on: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const isThere =
          typeof wanted === 'string' ? this[on].includes(wanted) : wanted.test(this[on])
        if (isThere) settle(resolve)
      }
      const giveUp = (): void => {
        const text = `"${String(wanted)}" was not printed; stdout: ${this.stdout}${this.stderr}`
        settle(() => reject(new Error(text)))
      }
      const settle = (done: () => void): void => {
        clearTimeout(timer)
        this.#child[on].off('data', look)
        this.#child.off('close', giveUp)
        done()
      }
      const timer = setTimeout(giveUp, WAIT_MS)
      this.#child[on].on('data', look)
      this.#child.on('close', giveUp)
      look()
      if (this.#child.exitCode !== null) giveUp()
    })
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** For teardown: gone, however. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }
}

function commandOf(program: ProgramName | ForeignProgram): [command: string, ...args: string[]] {
  if (typeof program === 'object') return [program.path]
  return [process.execPath, fileURLToPath(new URL(`../../cli/${program}.js`, import.meta.url))]
}

/** Runs a program to its end. */
export async function runToEnd(
  name: ProgramName,
  args: readonly string[],
  options: StartOptions = {},
): Promise<Ended> {
  return new Running(name, args, options).ended
}

/**
 * A port that was free for TCP a moment ago; the system hands numbers out in turn, so it stays free
 * for a while.
 */
export async function freePort(): Promise<number> {
  const { server, port } = await takenPort()
  await new Promise(resolve => server.close(resolve))
  return port
}

/** A port that is held until the server is closed. */
export async function takenPort(host = '127.0.0.1'): Promise<{ server: Server; port: number }> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, host, resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP address')
  return { server, port: address.port }
}
