// Programs under test: each is started in a process group of its own, its output is kept to explain
// a failure, and no group outlives the bench: stop() on the way out, SIGKILL from the exit handler
// on any other way, and from a watching shell when the bench itself was killed.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Writable } from 'node:stream'

/** Enough to see why a program did not come up, and bounded for one that logs without end. */
const KEPT_LINES = 40
/**
 * From SIGTERM to SIGKILL. Our own frps gives open connections a bounded time, which a bench need
 * not wait for.
 */
const STOP_GRACE_MS = 1500

const running = new Set<Program>()

export interface ProgramOptions {
  /** The name in error texts: `frps of frp-quic`. */
  readonly title: string
  readonly command: string
  readonly args: readonly string[]
}

export class Program {
  readonly title: string
  readonly pid: number
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #lines: string[] = []
  #partial = ''
  #endText: string | undefined
  #wake: (() => void) | undefined

  constructor(options: ProgramOptions) {
    this.title = options.title
    // A group of its own, so that a wrapper script's children are ended with it.
    this.#child = spawn(options.command, options.args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe']
    })
    this.pid = this.#child.pid ?? -1
    running.add(this)
    tellWatcher()
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#handleOutput(text))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#handleOutput(text))
    this.#ended = new Promise(resolve => {
      const end = (text: string): void => {
        this.#endText ??= text
        running.delete(this)
        tellWatcher()
        this.#wake?.()
        resolve()
      }
      this.#child.once('error', error => end(`could not be started: ${error.message}`))
      this.#child.once('close', (code, signal) => end(`ended with ${signal ?? `status ${code}`}`))
    })
  }

  /** The last ones it printed. */
  get lines(): readonly string[] {
    return this.#lines
  }

  get isRunning(): boolean {
    return this.#endText === undefined
  }

  /**
   * Waits until each of `texts` has been in some line of the output. Throws, with the output's end,
   * when it does not come.
   */
  async printed(texts: readonly string[], timeoutMs: number): Promise<void> {
    const missing = new Set(texts)
    const deadline = performance.now() + timeoutMs
    for (;;) {
      for (const text of missing) {
        if (this.#lines.some(line => line.includes(text))) missing.delete(text)
      }
      if (missing.size === 0) return
      if (this.#endText !== undefined) throw this.failure(this.#endText)
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) {
        throw this.failure(`did not print "${[...missing].join('", "')}" within ${timeoutMs} ms`)
      }
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, leftMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** An error that shows the last lines the program printed. */
  failure(what: string): Error {
    const log =
      this.#lines.length === 0
        ? '  (it printed nothing)'
        : this.#lines.map(line => `  | ${line}`).join('\n')
    return new Error(`${this.title} ${what}; its last lines:\n${log}`)
  }

  /** Throws when the program has ended by itself. */
  check(): void {
    if (this.#endText !== undefined) throw this.failure(this.#endText)
  }

  /** Ends the whole group and resolves when the program is gone. Safe to call twice. */
  async stop(): Promise<void> {
    if (this.isRunning) {
      this.kill('SIGTERM')
      const timer = setTimeout(() => this.kill('SIGKILL'), STOP_GRACE_MS)
      await this.#ended
      clearTimeout(timer)
    }
    await this.#ended
    // The program is gone; what it may have started is not, if it did not pass the signal on.
    this.kill('SIGKILL')
  }

  kill(signal: NodeJS.Signals): void {
    if (this.pid <= 0) return
    try {
      process.kill(-this.pid, signal)
    } catch {
      // ESRCH: the group is gone already, which is what was wanted.
    }
  }

  #handleOutput(text: string): void {
    const lines = (this.#partial + text).split('\n')
    this.#partial = (lines.pop() ?? '').slice(-4096)
    this.#lines = [...this.#lines, ...lines].slice(-KEPT_LINES)
    this.#wake?.()
  }
}

/** For the exit handler of the bench, where nothing can be awaited. */
export function killAllPrograms(): void {
  for (const program of running) program.kill('SIGKILL')
}

/**
 * Reads the process groups that run now, a line after each change; at the end of its input, which
 * comes when this process is gone in whatever way, it ends those of the last line.
 */
const WATCH =
  'while read -r line; do last=$line; done; for g in $last; do kill -s KILL -- -$g; done'

let watcher: Writable | undefined

function tellWatcher(): void {
  watcher ??= startWatcher()
  const groups = [...running].map(({ pid }) => pid).filter(pid => pid > 0)
  watcher.write(`${groups.join(' ')}\n`)
}

function startWatcher(): Writable {
  // Of its own session, so that Ctrl-C does not end it first.
  const shell = spawn('sh', ['-c', WATCH], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  // Without a shell the exit handler is all there is.
  shell.on('error', () => {})
  shell.stdin.on('error', () => {})
  shell.unref()
  if ('unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref()
  return shell.stdin
}
