// Sans-IO. The client's end of one control, from Login to its end: what is sent, what an answer
// means, when the server is given up. Streams, cipher and sockets belong to link.ts. Messages:
// frp-wire.md §2.3, §4.4, §5.4, §5.5.

import { Heartbeat, type HeartbeatConfig } from '../control/heartbeat.ts'
import type { ErrorCode } from '../errors.ts'
import type { Draft, Login, Message, NewProxy, OutgoingMessage } from '../wire/messages.ts'
import type { Credentials } from './login.ts'
import { printable } from './names.ts'
import { ProxyState } from './proxy-state.ts'
import { stunOfferOf, type StunOffer } from './stun-servers.ts'

export interface ControlConfig {
  readonly login: Draft<Login>
  /** One NewProxy for each proxy; names with the user prefix, each once. */
  readonly proxies: readonly Draft<NewProxy>[]
  readonly heartbeat: HeartbeatConfig
  /** Key fields for a Ping sent now; empty without the scope HeartBeats. */
  readonly pingCredentials: () => Credentials
}

export type ControlOutput =
  | { readonly type: 'send'; readonly message: OutgoingMessage }
  /** Both directions are encrypted from here on. */
  | {
      readonly type: 'logged-in'
      readonly runId: string
      readonly serverVersion: string
      readonly features: readonly string[]
      /** Only where the server answers STUN. */
      readonly stun?: StunOffer
    }
  /** The server asks for a work stream (a real frps does, for its pool). */
  | { readonly type: 'open-work-stream' }
  | { readonly type: 'proxy-up'; readonly name: string; readonly remoteAddr: string }
  | { readonly type: 'proxy-refused'; readonly name: string; readonly error: string }
  /** Close the session. Final. */
  | { readonly type: 'end'; readonly code: ErrorCode; readonly detail: string }

/** Longest wait for LoginResp, as frp's. */
const LOGIN_TIMEOUT_MS = 10_000
/**
 * A run id of frp has 16 digits. It is sent back with each work stream, so it is not taken at any
 * length.
 */
const MAX_RUN_ID = 256
const MAX_FEATURES = 32

/** One control. Times in milliseconds; proxy names with the user prefix throughout. */
export class ClientControl {
  readonly #config: ControlConfig
  readonly #proxies = new Map<string, { state: ProxyState; message: Draft<NewProxy> }>()
  #phase: 'login' | 'running' | 'over' = 'login'
  #loginEndsAt: number
  #heartbeat: Heartbeat | undefined
  #outputs: ControlOutput[] = []

  constructor(config: ControlConfig, now: number) {
    this.#config = config
    this.#loginEndsAt = now + LOGIN_TIMEOUT_MS
    this.#outputs.push({ type: 'send', message: config.login })
  }

  /** The state of a proxy; undefined for an unknown name and before the login. */
  proxy(name: string): ProxyState | undefined {
    return this.#proxies.get(name)?.state
  }

  handleMessage(message: Message, now: number): void {
    if (this.#phase === 'over') return
    if (this.#phase === 'login') {
      this.#handleLoginAnswer(message, now)
      return
    }
    switch (message.type) {
      case 'NewProxyResp':
        this.proxy(message.proxy_name)?.handleAnswer(
          { remoteAddr: printable(message.remote_addr), error: printable(message.error) },
          now,
        )
        return
      case 'ReqWorkConn':
        this.#outputs.push({ type: 'open-work-stream' })
        return
      case 'Pong':
        if (message.error !== '') {
          this.#end('AUTH_FAILED', `the server refused a heartbeat: ${printable(message.error)}`)
        } else this.#heartbeat?.handleBeat(now)
        return
      default:
        // Known messages that mean nothing on this side are dropped, as frp does.
        return
    }
  }

  /**
   * Ends all proxies: the server closes their public ports. Running user connections are not
   * touched.
   */
  withdraw(): void {
    for (const { state } of this.#proxies.values()) state.close()
  }

  /** A message that answers nothing. Before the login it is dropped. */
  send(message: OutgoingMessage): void {
    if (this.#phase === 'running') this.#outputs.push({ type: 'send', message })
  }

  poll(now: number): ControlOutput | undefined {
    const output = this.#outputs.shift()
    if (output || this.#phase === 'over') return output
    if (this.#phase === 'login') {
      if (now < this.#loginEndsAt) return undefined
      const seconds = LOGIN_TIMEOUT_MS / 1_000
      this.#end('TIMED_OUT', `the server did not answer the login within ${seconds} s`)
      return this.#outputs.shift()
    }
    return this.#pollHeartbeat(now) ?? this.#pollProxies(now)
  }

  deadline(): number | undefined {
    if (this.#phase === 'over') return undefined
    if (this.#phase === 'login') return this.#loginEndsAt
    let at = this.#heartbeat?.deadline() ?? Infinity
    for (const { state } of this.#proxies.values()) at = Math.min(at, state.deadline() ?? Infinity)
    return at === Infinity ? undefined : at
  }

  #handleLoginAnswer(message: Message, now: number): void {
    if (message.type !== 'LoginResp') {
      this.#end('PROTOCOL_ERROR', `the server answered the login with ${message.type}`)
      return
    }
    if (message.error !== '') {
      this.#end('LOGIN_REFUSED', printable(message.error))
      return
    }
    if (message.run_id.length > MAX_RUN_ID) {
      this.#end('PROTOCOL_ERROR', `the run id has ${message.run_id.length} characters`)
      return
    }
    this.#phase = 'running'
    const stun = stunOfferOf(message.quicfrp)
    this.#outputs.push({
      type: 'logged-in',
      runId: message.run_id,
      serverVersion: printable(message.version),
      features: message.quicfrp?.features.slice(0, MAX_FEATURES) ?? [],
      ...(stun && { stun }),
    })
    this.#heartbeat = new Heartbeat(this.#config.heartbeat, now)
    for (const proxy of this.#config.proxies) {
      this.#proxies.set(proxy.proxy_name ?? '', { state: new ProxyState(now), message: proxy })
    }
  }

  #pollHeartbeat(now: number): ControlOutput | undefined {
    const beat = this.#heartbeat?.poll(now)
    if (!beat) return undefined
    if (beat.type === 'ping') {
      return { type: 'send', message: { type: 'Ping', ...this.#config.pingCredentials() } }
    }
    this.#end('TIMED_OUT', 'heartbeat timeout')
    return this.#outputs.shift()
  }

  #pollProxies(now: number): ControlOutput | undefined {
    for (const [name, { state, message }] of this.#proxies) {
      const output = state.poll(now)
      switch (output?.type) {
        case undefined:
          continue
        case 'register':
          return { type: 'send', message }
        case 'withdraw':
          return { type: 'send', message: { type: 'CloseProxy', proxy_name: name } }
        case 'up':
          return { type: 'proxy-up', name, remoteAddr: output.remoteAddr }
        case 'refused':
          return { type: 'proxy-refused', name, error: output.error }
        default:
          return output satisfies never
      }
    }
    return undefined
  }

  #end(code: ErrorCode, detail: string): void {
    this.#phase = 'over'
    this.#outputs.push({ type: 'end', code, detail })
  }
}
