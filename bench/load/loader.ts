// The bench's end of a load process: starts it, asks it, ends it.

import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { LoadCall, LoadReply, LoadRequest, LoadResults, ServicePorts } from './messages.ts'

interface Waiting {
  resolve(value: LoadResults[LoadRequest['type']]): void
  reject(error: Error): void
}

export class Loader {
  readonly ports: ServicePorts
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 1

  private constructor(child: ChildProcess, ports: ServicePorts) {
    this.ports = ports
    this.#child = child
    child.on('message', (reply: LoadReply) => this.#handleReply(reply))
    child.once('exit', (code, signal) => {
      const error = new Error(`the load process ended with ${signal ?? `status ${code}`}`)
      for (const waiting of this.#waiting.values()) waiting.reject(error)
      this.#waiting.clear()
    })
  }

  static async start(): Promise<Loader> {
    const child = fork(fileURLToPath(new URL('./process.js', import.meta.url)), {
      serialization: 'advanced' // for typed arrays of samples
    })
    const ports = await new Promise<ServicePorts>((resolve, reject) => {
      child.once('message', (reply: LoadReply) => {
        if (reply.type === 'ready') resolve(reply.ports)
        else reject(new Error(`the load process began with "${reply.type}"`))
      })
      child.once('error', reject)
      child.once('exit', code =>
        reject(new Error(`the load process did not start (status ${code})`))
      )
    })
    return new Loader(child, ports)
  }

  ask<Type extends LoadRequest['type']>(
    request: Extract<LoadRequest, { type: Type }>
  ): Promise<LoadResults[Type]> {
    if (!this.#child.connected) return Promise.reject(new Error('the load process is gone'))
    const call: LoadCall = { id: this.#nextId++, request }
    return new Promise((resolve, reject) => {
      // The answer to a request is of that request's type: process.ts answers by the same table.
      this.#waiting.set(call.id, { resolve: value => resolve(value as LoadResults[Type]), reject })
      this.#child.send(call)
    })
  }

  close(): void {
    this.#child.kill('SIGKILL')
  }

  #handleReply(reply: LoadReply): void {
    if (reply.type === 'ready') return
    const waiting = this.#waiting.get(reply.id)
    if (waiting === undefined) return
    this.#waiting.delete(reply.id)
    if (reply.type === 'failed') waiting.reject(new Error(reply.message))
    else waiting.resolve(reply.value)
  }
}
