// The router's thread as the program sees it: requests and replies, its failure, its end. The
// thread waits outside Node's event loop, so every message is followed by a wake-up through an
// eventfd.

import { writeSync } from 'node:fs'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Command, LabStats, Reply, Request, RouterInput } from './messages.ts'

/** Longest wait for the thread to end by itself: it does so between two rounds of its loop. */
const END_MS = 2000

interface Waiting {
  resolve(stats: LabStats | undefined): void
  reject(error: Error): void
}

export class RouterThread {
  /** Resolves when the thread is gone; with the error when it failed. */
  readonly ended: Promise<Error | undefined>
  readonly #worker: Worker
  readonly #stop: Int32Array
  readonly #waiting = new Map<number, Waiting>()
  #wakeFd: number | undefined
  #lastId = 0
  #end: Error | undefined

  private constructor(input: Omit<RouterInput, 'stop'>, handleReady: () => void) {
    this.#stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
    // Compiled, the thread's file ends as this one does.
    const file = new URL(`./worker${extname(import.meta.url)}`, import.meta.url)
    this.#worker = new Worker(file, { workerData: { ...input, stop: this.#stop } })
    this.#worker.on('message', (reply: Reply) => {
      if (reply.type === 'ready') {
        this.#wakeFd = reply.wakeFd
        handleReady()
      } else {
        this.#handleReply(reply)
      }
    })
    this.ended = new Promise(resolve => {
      let failure: Error | undefined
      this.#worker.once('error', error => {
        failure = new Error(`the lab's router failed: ${error.message}`, { cause: error })
      })
      this.#worker.once('exit', () => {
        // The thread has closed the descriptor: its number may be another file's now.
        this.#wakeFd = undefined
        this.#end = failure ?? new Error('the lab is closed')
        for (const { reject } of this.#waiting.values()) reject(this.#end)
        this.#waiting.clear()
        resolve(failure)
      })
    })
  }

  /** Resolves when the devices exist and packets pass; rejects with what the thread failed of. */
  static async open(input: Omit<RouterInput, 'stop'>): Promise<RouterThread> {
    let handleReady = (): void => undefined
    const ready = new Promise<void>(resolve => (handleReady = resolve))
    const thread = new RouterThread(input, () => handleReady())
    const failure = await Promise.race([ready, thread.ended])
    if (failure !== undefined) throw failure
    return thread
  }

  request(command: Command): Promise<LabStats | undefined> {
    if (this.#end !== undefined) return Promise.reject(this.#end)
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.ref()
      this.#worker.postMessage({ id, command } satisfies Request)
      this.#wake()
    })
  }

  /** Asks the thread to end, without waiting: for an exit handler. */
  stop(): void {
    Atomics.store(this.#stop, 0, 1)
    this.#wake()
  }

  async close(): Promise<void> {
    this.stop()
    this.#worker.ref()
    const timer = setTimeout(() => void this.#worker.terminate(), END_MS)
    await this.ended
    clearTimeout(timer)
  }

  #handleReply(reply: Exclude<Reply, { type: 'ready' }>): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    // A lab that nobody asks anything does not keep its program alive.
    if (this.#waiting.size === 0) this.#worker.unref()
    if (reply.type === 'done') waiting?.resolve(reply.stats)
    else waiting?.reject(new RangeError(reply.message))
  }

  #wake(): void {
    if (this.#wakeFd === undefined) return
    try {
      writeSync(this.#wakeFd, new BigUint64Array([1n]))
    } catch {
      // EBADF: the thread has just closed it. It is ending, and `exit` answers what is waiting.
    }
  }
}
