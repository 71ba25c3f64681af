// The router as the program that opened the lab sees it: requests and replies, its failure, its
// end. It is a process of its own and not a thread, because it goes before other programs and must
// never wait for one that does not. As a thread, its garbage collection took up to 18 ms (0.3 ms
// alone): helper threads of ordinary priority waited for a processor. V8's compiler threads held it
// up for 33 to 50 ms in the same way, hence a process with a single thread of JavaScript.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { Socket } from 'node:net'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encodeFrame, FrameReader } from './frames.ts'
import { CHANNEL_FD } from './messages.ts'
import type { Command, LabStats, Reply, Request, RouterInput } from './messages.ts'

const V8_OPTIONS = [
  '--single-threaded',
  // Few collections of much, as their cost is what lives: the packets on their way. One for some
  // 6,000 packets takes 0.3 to 0.5 ms.
  '--min-semi-space-size=8',
  '--max-semi-space-size=8',
]
/** Longest wait for the router to end by itself: it does so between two rounds of its loop. */
const END_MS = 2000

interface Waiting {
  resolve(stats: LabStats | undefined): void
  reject(error: Error): void
}

export class RouterProcess {
  /** Resolves when the process is gone; with the error when it was not asked to go. */
  readonly ended: Promise<Error | undefined>
  readonly #child: ChildProcess
  readonly #channel: Socket
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #end: Error | undefined
  #isClosing = false

  private constructor(handleReady: () => void) {
    // Compiled, the program's file ends as this one does.
    const file = new URL(`./router-main${extname(import.meta.url)}`, import.meta.url)
    this.#child = spawn(process.execPath, [...V8_OPTIONS, fileURLToPath(file)], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      // Ctrl-C goes to the whole group; what is measured then still needs its network.
      detached: true,
    })
    const channel = this.#child.stdio[CHANNEL_FD]
    if (!(channel instanceof Socket)) throw new Error('the router has no channel')
    this.#channel = channel
    let failure: Error | undefined
    const frames = new FrameReader()
    channel.on('data', piece => {
      for (const value of frames.read(piece)) {
        // The router is ours: what it sends is a Reply.
        const reply = value as Reply
        if (reply.type === 'ready') handleReady()
        else if (reply.type === 'failed') failure = failed(reply.message)
        else this.#handleReply(reply)
      }
    })
    // A write to a process that has just ended; its end says what was.
    channel.on('error', () => undefined)
    this.ended = new Promise(resolve => {
      const end = (error: Error): void => {
        if (!this.#isClosing) failure ??= error
        this.#end ??= failure ?? new Error('the lab is closed')
        for (const { reject } of this.#waiting.values()) reject(this.#end)
        this.#waiting.clear()
        resolve(failure)
      }
      this.#child.once('error', end)
      this.#child.once('close', (code, signal) => end(failed(signal ?? `status ${code}`)))
    })
  }

  /** Resolves when the devices exist and packets pass; rejects with what the router failed of. */
  static async open(input: RouterInput): Promise<RouterProcess> {
    let handleReady = (): void => undefined
    const ready = new Promise<void>(resolve => (handleReady = resolve))
    const router = new RouterProcess(() => handleReady())
    router.#channel.write(encodeFrame(input))
    const failure = await Promise.race([ready, router.ended])
    if (failure !== undefined) throw failure
    router.#unref()
    return router
  }

  request(command: Command): Promise<LabStats | undefined> {
    if (this.#end !== undefined) return Promise.reject(this.#end)
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#ref()
      this.#channel.write(encodeFrame({ id, command } satisfies Request))
    })
  }

  /** Without waiting, for an exit handler. The devices go with the process. */
  kill(): void {
    this.#isClosing = true
    this.#child.kill('SIGKILL')
  }

  async close(): Promise<void> {
    this.#isClosing = true
    this.#ref()
    // The router ends when its channel does.
    this.#channel.destroy()
    const timer = setTimeout(() => this.kill(), END_MS)
    await this.ended
    clearTimeout(timer)
  }

  #handleReply(reply: Exclude<Reply, { type: 'ready' | 'failed' }>): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (this.#waiting.size === 0 && !this.#isClosing) this.#unref()
    if (reply.type === 'done') waiting?.resolve(reply.stats)
    else waiting?.reject(new RangeError(reply.message))
  }

  #ref(): void {
    this.#child.ref()
    this.#channel.ref()
  }

  /** A lab that nobody asks anything does not keep its program alive. */
  #unref(): void {
    this.#child.unref()
    this.#channel.unref()
  }
}

function failed(how: string): Error {
  return new Error(`the lab's router failed: ${how}`)
}
