// The running proxies of one client, the users on them, and the host that each proxy type is given.

import type { Address } from '../address.ts'
import { errorText, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { OpenPort, PacketWay, ProxyHost, ProxySpec, RunningProxy } from '../proxy/host.ts'
import { proxyStarters } from '../proxy/registry.ts'
import type { ServerContext } from './context.ts'
import type { NatHoleParty } from './natholes.ts'
import type { ProxyStatus } from './status.ts'

export interface ClientProxiesOptions {
  readonly runId: string
  /** Whose proxies they are. */
  readonly user: string
  /** The client himself, who meets visitors of his xtcp proxies. */
  readonly party: NatHoleParty
  /** IP address of the client's end of the session. */
  readonly observed: () => string
  /** Known once the client has logged in. */
  readonly packets: () => PacketWay
  readonly openWorkStream: (
    spec: ProxySpec,
    ...args: Parameters<ProxyHost['openWorkStream']>
  ) => ReturnType<ProxyHost['openWorkStream']>
}

interface ClientProxy {
  readonly spec: ProxySpec
  readonly running: RunningProxy
  currentConnections: number
  totalConnections: number
  inBytes: number
  outBytes: number
}

export class ClientProxies {
  readonly #context: ServerContext
  readonly #options: ClientProxiesOptions
  readonly #proxies = new Map<string, ClientProxy>()
  readonly #idleWaiters = new Set<() => void>()
  /** Of all proxies, stopped ones too. */
  #connections = 0

  constructor(context: ServerContext, options: ClientProxiesOptions) {
    this.#context = context
    this.#options = options
  }

  /**
   * Resolves with the address for the client. Rejects with an error whose `detail` the client is
   * told.
   */
  async start(spec: ProxySpec): Promise<string> {
    const starter = proxyStarters[spec.type]
    if (starter === undefined) {
      throw new TunnelError('PROXY_REFUSED', `unknown proxy type: ${spec.type}`)
    }
    const running = await starter(spec, this.#hostOf(spec))
    const counters = { currentConnections: 0, totalConnections: 0, inBytes: 0, outBytes: 0 }
    this.#proxies.set(spec.name, { spec, running, ...counters })
    return running.remoteAddr
  }

  /** Never rejects: a port that cannot be closed is logged and forgotten. */
  async stop(name: string): Promise<void> {
    const proxy = this.#proxies.get(name)
    if (proxy === undefined) return
    this.#proxies.delete(name)
    const log = this.#log(name)
    try {
      log.info('proxy closing')
      await proxy.running.close()
    } catch (error) {
      log.warn(`close error: ${errorText(error)}`)
    }
    const { type } = proxy.spec
    const { remoteAddr } = proxy.running
    this.#context.emit('proxyDown', { runId: this.#options.runId, name, type, remoteAddr })
  }

  /** Closes the ports; the proxies are still to be stopped. */
  async withdraw(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map(({ running }) => running.close()))
  }

  /** Resolves when no user connection runs any more, or after `graceMs`. */
  idle(graceMs: number): Promise<void> {
    if (this.#connections === 0) return Promise.resolve()
    return new Promise(resolve => {
      const done = (): void => {
        cancel()
        this.#idleWaiters.delete(done)
        resolve()
      }
      const cancel = this.#context.clock.after(graceMs, done)
      this.#idleWaiters.add(done)
    })
  }

  status(): ProxyStatus[] {
    return [...this.#proxies.values()].map(({ spec, running, ...counters }) => {
      const { name, type, annotations, metadatas } = spec
      return { name, type, remoteAddr: running.remoteAddr, annotations, metadatas, ...counters }
    })
  }

  #hostOf(spec: ProxySpec): ProxyHost {
    const { ports, udpPorts, visitors, natHoles, key, clock, config } = this.#context
    const { name } = spec
    const log = this.#log(name)
    return {
      log,
      clock,
      encryptionKey: key,
      listenTcp: (remotePort, onUser): Promise<OpenPort> =>
        ports.open({ name, remotePort, log, onUser }),
      listenUdp: (remotePort, onPacket) => udpPorts.open({ name, remotePort, log, onPacket }),
      udpLimits: { maxUsers: config.udpMaxUsersPerProxy, maxPerIp: config.udpMaxUsersPerIP },
      packets: this.#options.packets(),
      openDoor: (secret, onUser) =>
        visitors.open(
          { ...secret, name, owner: this.#options.user },
          onUser,
          this.#options.observed,
        ),
      openRendezvous: ({ sk, prekey, allowUsers }) =>
        natHoles.open(
          { name, owner: this.#options.party, sk, ownerChecks: prekey !== '', allowUsers },
          options => this.#options.openWorkStream(spec, undefined, options),
        ),
      openWorkStream: (from, options) => this.#options.openWorkStream(spec, from, options),
      countTraffic: (inBytes, outBytes) => this.#countTraffic(name, inBytes, outBytes),
      countConnection: user => this.#count(name, user),
    }
  }

  #count(name: string, user: Address): (traffic: { inBytes: number; outBytes: number }) => void {
    const proxy = this.#proxies.get(name)
    this.#connections++
    if (proxy !== undefined) {
      proxy.currentConnections++
      proxy.totalConnections++
    }
    this.#context.emit('workStream', { runId: this.#options.runId, proxyName: name, user })
    return ({ inBytes, outBytes }) => {
      this.#connections--
      if (proxy !== undefined) {
        proxy.currentConnections--
        proxy.inBytes += inBytes
        proxy.outBytes += outBytes
      }
      if (this.#connections > 0) return
      for (const done of this.#idleWaiters) done()
    }
  }

  #countTraffic(name: string, inBytes: number, outBytes: number): void {
    const proxy = this.#proxies.get(name)
    if (proxy === undefined) return
    proxy.inBytes += inBytes
    proxy.outBytes += outBytes
  }

  #log(name: string): Logger {
    const scope = { source: 'server/proxy', tags: [this.#options.runId, name] }
    return this.#context.log.child(scope)
  }
}
