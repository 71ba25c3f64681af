// What a server is told of the secret proxies: one of ours a prekey, and later the next ones; a real
// frps the secret itself, which it needs to check visitors.

import type { Clock } from '../clock.ts'
import { Alarm } from '../control/alarm.ts'
import type { LocalProxy } from '../proxy/local.ts'
import type { Draft, NewProxy, ProxyKey } from '../wire/messages.ts'

export interface SecretProxiesOptions {
  /** By the name on the wire. */
  readonly find: (name: string) => LocalProxy | undefined
  readonly clock: Clock
  readonly send: (message: Draft<ProxyKey>) => void
}

/** Of one session. */
export class SecretProxies {
  readonly #options: SecretProxiesOptions
  readonly #offered = new Map<string, LocalProxy>()
  readonly #alarm: Alarm
  #isOwn = false

  constructor(options: SecretProxiesOptions) {
    this.#options = options
    this.#alarm = new Alarm(options.clock, () => this.#renew())
  }

  /** The server has answered the login. */
  handleLogin(features: readonly string[]): void {
    this.#isOwn = features.includes('visitor-e2e')
  }

  /** The message as this server gets it, or why it gets none. */
  register(message: Draft<NewProxy>): Draft<NewProxy> | string {
    const name = message.proxy_name ?? ''
    const proxy = this.#options.find(name)
    if (proxy?.secret === undefined || !('requireEndToEnd' in proxy.config)) return message
    if (!this.#isOwn) {
      return proxy.config.requireEndToEnd
        ? 'requireEndToEnd is set, and this server is no quicfrp server that can do it'
        : message
    }
    this.#offered.set(name, proxy)
    proxy.secret.prepare()
    const prekey = proxy.secret.offer(this.#options.clock.now())
    this.#schedule()
    return { ...message, sk: '', quicfrp: { prekey } }
  }

  /** A visitor was let in: his key may have been the last one for the prekey. */
  handleVisitor(): void {
    this.#schedule()
  }

  stop(): void {
    this.#offered.clear()
    this.#alarm.set(undefined)
  }

  #renew(): void {
    const { clock, send } = this.#options
    for (const [name, { secret }] of this.#offered) {
      if (secret === undefined || clock.now() < secret.deadline()) continue
      send({ type: 'ProxyKey', proxy_name: name, prekey: secret.offer(clock.now()) })
    }
    this.#schedule()
  }

  #schedule(): void {
    let at = Infinity
    for (const { secret } of this.#offered.values()) at = Math.min(at, secret?.deadline() ?? at)
    this.#alarm.set(at === Infinity ? undefined : at)
  }
}
