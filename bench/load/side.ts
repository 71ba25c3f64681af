// The load processes of one host, seen as one: started together, and each request goes to the one
// that answers it.

import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Role, Site } from '../site.ts'
import { LOAD_PARTS, PART_OF } from './messages.ts'
import type {
  LoadCall,
  LoadPart,
  LoadReply,
  LoadRequest,
  LoadResults,
  ServicePorts,
} from './messages.ts'

/**
 * In the lab the process with the clocks goes before all others of its processor: it must not wait
 * for threads of its own that do not (V8's collector spins on them; both processors stood still).
 */
const ONE_THREAD = '--single-threaded'

export interface LoadSideOptions {
  readonly site: Site
  readonly role: Role
}

export class LoadSide {
  readonly ports: ServicePorts
  readonly #parts: ReadonlyMap<LoadPart, LoadChild>

  private constructor(parts: ReadonlyMap<LoadPart, LoadChild>) {
    this.#parts = parts
    const { source = 0, sink = 0 } = parts.get('bulk')?.ports ?? {}
    const { echo = 0, datagrams = 0 } = parts.get('pulse')?.ports ?? {}
    this.ports = { source, sink, echo, datagrams }
  }

  static async start(options: LoadSideOptions): Promise<LoadSide> {
    const starting = LOAD_PARTS.map(part => LoadChild.start(part, options))
    const started = await Promise.allSettled(starting)
    const parts = new Map<LoadPart, LoadChild>()
    let failure: unknown
    for (const [index, part] of LOAD_PARTS.entries()) {
      const result = started[index]
      if (result?.status === 'fulfilled') parts.set(part, result.value)
      else failure ??= result?.reason
    }
    if (failure === undefined) return new LoadSide(parts)
    for (const child of parts.values()) child.close()
    throw failure
  }

  /** Rejects with what the load saw, or when its process is gone. */
  ask<Type extends LoadRequest['type']>(
    request: Extract<LoadRequest, { type: Type }>,
  ): Promise<LoadResults[Type]> {
    const child = this.#parts.get(PART_OF[request.type])
    if (child === undefined) return Promise.reject(new Error('the load process is gone'))
    // The answer to a request is of that request's type: process.ts answers by the same table.
    return child.ask(request) as Promise<LoadResults[Type]>
  }

  close(): void {
    for (const child of this.#parts.values()) child.close()
  }
}

interface Waiting {
  resolve(value: LoadResults[LoadRequest['type']]): void
  reject(error: Error): void
}

class LoadChild {
  readonly ports: Partial<ServicePorts>
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 1

  private constructor(child: ChildProcess, ports: Partial<ServicePorts>) {
    this.ports = ports
    this.#child = child
    child.on('message', (reply: LoadReply) => this.#handleReply(reply))
    child.once('exit', (code, signal) => {
      const error = new Error(`the load process ended with ${signal ?? `status ${code}`}`)
      for (const waiting of this.#waiting.values()) waiting.reject(error)
      this.#waiting.clear()
    })
  }

  static async start(part: LoadPart, { site, role }: LoadSideOptions): Promise<LoadChild> {
    const [command, ...args] = site.command(role, [process.execPath])
    // Only in a namespace of its own may a source that never stops be open to all.
    const host = site.kind === 'lab' ? '0.0.0.0' : '127.0.0.1'
    const script = fileURLToPath(new URL('./process.js', import.meta.url))
    const child = fork(script, [part, host, site.kind], {
      execPath: command,
      execArgv: part === 'pulse' && site.kind === 'lab' ? [...args, ONE_THREAD] : args,
      serialization: 'advanced', // for typed arrays of samples
    })
    const ports = await new Promise<Partial<ServicePorts>>((resolve, reject) => {
      child.once('message', (reply: LoadReply) => {
        if (reply.type === 'ready') resolve(reply.ports)
        else reject(new Error(`the load process began with "${reply.type}"`))
      })
      child.once('error', reject)
      child.once('exit', code =>
        reject(new Error(`the load process did not start (status ${code})`)),
      )
    })
    return new LoadChild(child, ports)
  }

  ask(request: LoadRequest): Promise<LoadResults[LoadRequest['type']]> {
    if (!this.#child.connected) return Promise.reject(new Error('the load process is gone'))
    const call: LoadCall = { id: this.#nextId++, request }
    return new Promise((resolve, reject) => {
      this.#waiting.set(call.id, { resolve, reject })
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
