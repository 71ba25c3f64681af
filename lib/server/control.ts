// One client's control after its login: its proxies, their order, its heartbeat. Sans-IO. What a
// proxy does is behind `start` and `stop`; work streams are the pool's business (work-pool.ts).
// Rules of frp (frp-wire.md sections 5.4, 5.5 and 9).

import { Heartbeat } from '../control/heartbeat.ts'
import { publicKeyOf } from '../e2e/index.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import type { ProxySpec } from '../proxy/host.ts'
import type { CloseProxy, Message, NewProxy, OutgoingMessage, Ping } from '../wire/messages.ts'
import { checkNewProxy } from './new-proxy.ts'

export interface ControlConfig {
  /** The client itself. */
  readonly holder: NameHolder
  /** 0 = no limit. */
  readonly maxPortsPerClient: number
  /** <= 0: silence is never too long. */
  readonly heartbeatTimeoutMs: number
  /** Throws AUTH_FAILED. */
  readonly checkPing: (ping: Ping) => void
  /** The text for the client: the reason, or only the summary (detailedErrorsToClient). */
  readonly errorForClient: (summary: string, reason: string) => string
}

/** Names of all proxies of the server, by any client: who has each. */
export type ProxyNames = Map<string, NameHolder>

/** A client, as far as its names are concerned. */
export interface NameHolder {
  /** Whether it is still there; asks it, where nobody else would tell. Never rejects. */
  answers(): Promise<boolean>
  close(reason: string): void
  /** Resolves when its names are free. */
  readonly closed: Promise<void>
}

export type ControlOutput =
  | { readonly type: 'send'; readonly message: OutgoingMessage }
  /**
   * Open the proxy, then say `handleStarted` or `handleRefused`. Only one is started or stopped at
   * a time.
   */
  | { readonly type: 'start'; readonly spec: ProxySpec }
  /**
   * Another client has the name: where that one does not answer any more, close it. Then say
   * `handleContested`.
   */
  | { readonly type: 'contest'; readonly name: string; readonly holder: NameHolder }
  /** The client has a new prekey for a proxy that runs. */
  | { readonly type: 'renew'; readonly name: string; readonly prekey: string }
  /** Close the proxy, then say `handleStopped`. */
  | { readonly type: 'stop'; readonly name: string }
  /** For the log and the events; nothing is to be done. */
  | { readonly type: 'started'; readonly spec: ProxySpec; readonly remoteAddr: string }
  | {
      readonly type: 'refused'
      readonly name: string
      readonly proxyType: string
      readonly reason: string
    }
  | { readonly type: 'invalidPing'; readonly reason: string }
  /** The control is to be closed: say `close` once its stream is gone. */
  | { readonly type: 'giveUp'; readonly reason: string }
  /** After `close`: every proxy is stopped. The last output. */
  | { readonly type: 'finished' }

/** Proxies of one client, started or waiting. Each may hold a port and so a descriptor of ours. */
const MAX_PROXIES = 4096

/**
 * Messages that may wait while a proxy starts; past it the driver stops reading, so the client
 * waits.
 */
const MAX_TASKS = 64

type Task =
  | { readonly type: 'start'; readonly message: NewProxy }
  | { readonly type: 'stop'; readonly message: CloseProxy }

/** Times in milliseconds. */
export class Control {
  readonly #config: ControlConfig
  readonly #names: ProxyNames
  readonly #heartbeat: Heartbeat
  readonly #outputs: ControlOutput[] = []
  readonly #running = new Map<string, ProxySpec>()
  /** In the order of the client's messages; frp handles them one after another too. */
  readonly #tasks: Task[] = []
  #starting: ProxySpec | undefined
  #stopping: string | undefined
  #phase: 'open' | 'closing' | 'finished' = 'open'

  constructor(config: ControlConfig, names: ProxyNames, now: number) {
    this.#config = config
    this.#names = names
    this.#heartbeat = new Heartbeat({ timeoutMs: config.heartbeatTimeoutMs }, now)
  }

  /** True while no further message should be read: the driver waits until this is false. */
  get isBusy(): boolean {
    return this.#tasks.length >= MAX_TASKS
  }

  /** Any message, in any order; those that have no meaning here are dropped, as frp does. */
  handleMessage(message: Message, now: number): void {
    if (this.#phase !== 'open') return
    switch (message.type) {
      case 'NewProxy':
        this.#handleNewProxy(message)
        break
      case 'CloseProxy':
        this.#tasks.push({ type: 'stop', message })
        break
      case 'ProxyKey': {
        const { proxy_name: name, prekey } = message
        if (this.#running.has(name) && publicKeyOf(prekey) !== undefined) {
          this.#outputs.push({ type: 'renew', name, prekey })
        }
        break
      }
      case 'Ping':
        this.#handlePing(message, now)
        break
      default:
        break
    }
    this.#next()
  }

  handleStarted(remoteAddr: string): void {
    const spec = this.#starting
    if (spec === undefined) return
    this.#starting = undefined
    this.#running.set(spec.name, spec)
    if (this.#phase === 'open') {
      const { name } = spec
      const message = { type: 'NewProxyResp', proxy_name: name, remote_addr: remoteAddr } as const
      this.#outputs.push({ type: 'started', spec, remoteAddr }, { type: 'send', message })
    }
    this.#next()
  }

  /** The holder of the name that is asked for was seen to be there, or is closed. */
  handleContested(): void {
    const spec = this.#starting
    if (spec === undefined) return
    this.#starting = undefined
    if (this.#phase === 'open') {
      if (this.#names.has(spec.name)) this.#refuse(spec.name, spec.type, alreadyExists(spec))
      else this.#take(spec)
    }
    this.#next()
  }

  /** `reason` in detail; what the client reads is chosen here. */
  handleRefused(reason: string): void {
    const spec = this.#starting
    if (spec === undefined) return
    this.#starting = undefined
    this.#names.delete(spec.name)
    if (this.#phase === 'open') this.#refuse(spec.name, spec.type, reason)
    this.#next()
  }

  handleStopped(): void {
    if (this.#stopping === undefined) return
    this.#names.delete(this.#stopping)
    this.#stopping = undefined
    this.#next()
  }

  /** The control is over: stops the proxies one after another, then says `finished`. */
  close(): void {
    if (this.#phase !== 'open') return
    this.#phase = 'closing'
    this.#tasks.length = 0
    this.#next()
  }

  poll(now: number): ControlOutput | undefined {
    const output = this.#outputs.shift()
    if (output !== undefined || this.#phase !== 'open') return output
    const beat = this.#heartbeat.poll(now)
    if (beat?.type === 'expired') return { type: 'giveUp', reason: 'heartbeat timeout' }
    return undefined
  }

  deadline(): number | undefined {
    return this.#phase === 'open' ? this.#heartbeat.deadline() : undefined
  }

  #handleNewProxy(message: NewProxy): void {
    const waiting = this.#tasks.length + (this.#starting === undefined ? 0 : 1)
    if (this.#running.size + waiting >= MAX_PROXIES) {
      const name = message.proxy_name
      this.#refuse(name, message.proxy_type, `more than ${MAX_PROXIES} proxies of one client`)
    } else {
      this.#tasks.push({ type: 'start', message })
    }
  }

  #handlePing(message: Ping, now: number): void {
    try {
      this.#config.checkPing(message)
    } catch (error) {
      const reason = errorDetail(error)
      this.#outputs.push({ type: 'invalidPing', reason })
      const text = this.#config.errorForClient('invalid ping', reason)
      this.#outputs.push({ type: 'send', message: { type: 'Pong', error: text } })
      return
    }
    this.#heartbeat.handleBeat(now)
    this.#outputs.push({ type: 'send', message: { type: 'Pong' } })
  }

  /** Goes on with the tasks until one has to be waited for. */
  #next(): void {
    while (this.#starting === undefined && this.#stopping === undefined) {
      if (this.#phase === 'closing') {
        const [name] = this.#running.keys()
        if (name !== undefined) this.#stop(name)
        else this.#finish()
        return
      }
      const task = this.#tasks.shift()
      if (task === undefined) return
      if (task.type === 'start') this.#start(task.message)
      // Somebody else's name is not in our set: foreign proxies cannot be closed.
      else if (this.#running.has(task.message.proxy_name)) this.#stop(task.message.proxy_name)
    }
  }

  #start(message: NewProxy): void {
    let spec: ProxySpec
    try {
      spec = checkNewProxy(message)
      const { maxPortsPerClient: limit } = this.#config
      // A secret proxy has no port, any other type that exists so far has one.
      if (limit > 0 && spec.secret === undefined && this.#ports >= limit) {
        throw new TunnelError('PROXY_REFUSED', 'exceed the max_ports_per_client')
      }
    } catch (error) {
      const reason = errorDetail(error)
      this.#refuse(message.proxy_name, message.proxy_type, reason)
      return
    }
    const holder = this.#names.get(spec.name)
    if (holder === undefined) {
      this.#take(spec)
    } else if (holder === this.#config.holder) {
      this.#refuse(spec.name, spec.type, alreadyExists(spec))
    } else {
      this.#starting = spec
      this.#outputs.push({ type: 'contest', name: spec.name, holder })
    }
  }

  #take(spec: ProxySpec): void {
    this.#names.set(spec.name, this.#config.holder)
    this.#starting = spec
    this.#outputs.push({ type: 'start', spec })
  }

  get #ports(): number {
    return [...this.#running.values()].filter(({ secret }) => secret === undefined).length
  }

  #stop(name: string): void {
    this.#running.delete(name)
    this.#stopping = name
    this.#outputs.push({ type: 'stop', name })
  }

  #finish(): void {
    this.#phase = 'finished'
    this.#outputs.push({ type: 'finished' })
  }

  #refuse(name: string, proxyType: string, reason: string): void {
    const error = this.#config.errorForClient(`new proxy [${name}] error`, reason)
    this.#outputs.push({ type: 'refused', name, proxyType, reason })
    const message = { type: 'NewProxyResp', proxy_name: name, error } as const
    this.#outputs.push({ type: 'send', message })
  }
}

function alreadyExists({ name }: ProxySpec): string {
  return `proxy [${name}] already exists`
}
