// Knows this machine's network for all peer connections of a client: keeps the UDP port and what
// servers see of it fresh, asks the router for a mapping, and notices when something has changed.
// Nothing is opened or sent before the first peer connection is wanted.

import {
  type Candidate,
  type Discovery,
  type LocalNetwork,
  MAX_CANDIDATES,
  type NatProfile,
  UNKNOWN_PROFILE,
  type Offer,
  resampled,
} from '../../nat/index.ts'
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import { errorDetail } from '../errors.ts'
import { interfaceAddresses } from '../interfaces.ts'
import type { Logger } from '../log.ts'
import { discoverNat, type FilterTestReply, type StunServerName } from './discovery.ts'
import type { NetworkChange, PeerNetwork } from './network.ts'
import { PeerPort } from './port.ts'
import { samplePort } from './port-sample.ts'
import { PortMappingKeeper } from './portmap.ts'

export interface NetworkKeeperOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Beside those of frps; empty: only those. */
  readonly stunServers: readonly StunServerName[]
  /** Ask the router for a mapping. */
  readonly mapsPorts: boolean
  /** frp's disableAssistedAddrs: interfaces are nobody's business. */
  readonly hidesHosts: boolean
}

/** What the session with frps tells about itself. */
export interface ServerView {
  readonly address: Address
  readonly rttMs: () => number | undefined
  /** STUN servers of frps. */
  readonly stunServers: readonly StunServerName[]
  readonly requestFilterTest?: (transactionId: string) => Promise<FilterTestReply | undefined>
}

/** Mappings without return traffic live 30 s at Linux, 15 s at some carriers (nat-traversal §1.4). */
const REFRESH_MS = 20_000
/** Interfaces are looked at so often; Node has no event for them. */
const WATCH_MS = 1_000
/** Before anything was measured. */
const USUAL_RTT_MS = 50
/** From one guessing of ports to the next: it looks like a scan to a NAT. */
const GUESSING_PAUSE_MS = 20_000
const SAME_GUESSING_MS = 2_000

export class NetworkKeeper implements PeerNetwork {
  readonly #options: NetworkKeeperOptions
  readonly #handlers = new Set<(what: NetworkChange) => void>()
  readonly #closing = new AbortController()
  #port: PeerPort | undefined
  #opening: Promise<void> | undefined
  #server: ServerView | undefined
  #discovery: Discovery | undefined
  /** It was found by a look that is not over. */
  #isPartial = false
  #asking: Promise<Offer> | undefined
  #mapping: PortMappingKeeper | undefined
  #interfaces = ''
  #guessedAt = -Infinity
  #guesser: object | undefined
  #cancelRefresh: (() => void) | undefined
  #cancelWatch: (() => void) | undefined

  constructor(options: NetworkKeeperOptions) {
    this.#options = options
  }

  get port(): PeerPort | undefined {
    return this.#port
  }

  get networks(): readonly LocalNetwork[] {
    return localNetworks()
  }

  get avoid(): readonly Address[] {
    return this.#server === undefined ? [] : [this.#server.address]
  }

  get serverRttMs(): number {
    return this.#server?.rttMs() ?? this.#discovery?.rttMs ?? USUAL_RTT_MS
  }

  /** What the last look at the network has found; undefined before the first. */
  get discovery(): Discovery | undefined {
    return this.#discovery
  }

  /** A peer connection is wanted: opens the port and looks at the network. Never rejects. */
  start(): Promise<void> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  /** A session has logged in. */
  handleServer(server: ServerView): void {
    this.#server = server
    if (this.#port !== undefined) void this.#discover('all')
  }

  offer(): Offer {
    const found = this.#discovery
    const mapped = this.#mapping?.candidates ?? []
    const candidates = [...(found?.candidates ?? this.#hosts()), ...mapped]
    return {
      candidates: candidates.slice(0, MAX_CANDIDATES),
      profile: found?.profile ?? UNKNOWN_PROFILE,
    }
  }

  async refresh(): Promise<Offer> {
    await this.start()
    return this.#discover('mapping')
  }

  async sample(): Promise<Offer> {
    const found = this.#discovery
    const ports = found?.profile.ports
    const answering = found?.servers.find(
      ({ server, mapped }) => mapped !== undefined && !server.ip.includes(':'),
    )
    const port = this.#port
    if (!port || !found || !answering || ports?.type !== 'sequential') return this.offer()
    const seen = await samplePort(port, answering.server, this.#options.clock)
    if (seen !== undefined && this.#discovery === found) {
      const profile = { ...found.profile, ports: resampled(ports, seen) }
      this.#discovery = { ...found, profile }
    }
    return this.offer()
  }

  takeGuessing(peer: object): boolean {
    const now = this.#options.clock.now()
    const age = now - this.#guessedAt
    // A round that takes the place of another one goes on with its leave.
    if (peer === this.#guesser && age < SAME_GUESSING_MS) return true
    if (age < GUESSING_PAUSE_MS) return false
    this.#guessedAt = now
    this.#guesser = peer
    return true
  }

  onChange(handler: (what: NetworkChange) => void): () => void {
    this.#handlers.add(handler)
    return () => this.#handlers.delete(handler)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#cancelRefresh?.()
    this.#cancelWatch?.()
    await this.#opening
    await Promise.all([this.#mapping?.close(), this.#port?.close()])
    this.#port = undefined
  }

  async #open(): Promise<void> {
    const { log, clock, mapsPorts } = this.#options
    try {
      this.#port = await PeerPort.open()
    } catch (error) {
      log.warn(`peers can be reached over frps only: ${errorDetail(error)}`)
      return
    }
    if (this.#closing.signal.aborted) return
    this.#interfaces = fingerprint()
    this.#watch()
    if (mapsPorts) {
      const { port } = this.#port.address
      this.#mapping = new PortMappingKeeper({ port, clock, log, onChange: () => this.#tell('more') })
      this.#mapping.start()
    }
    await this.#discover('all')
  }

  /** One at a time: who asks meanwhile gets what that one finds. */
  #discover(tests: 'all' | 'mapping'): Promise<Offer> {
    this.#asking ??= this.#ask(tests).finally(() => {
      this.#asking = undefined
      this.#refreshLater()
    })
    return this.#asking
  }

  async #ask(tests: 'all' | 'mapping'): Promise<Offer> {
    const { clock, log, stunServers, hidesHosts } = this.#options
    const { signal } = this.#closing
    const port = this.#port
    const servers = [...(this.#server?.stunServers ?? []), ...stunServers]
    if (port === undefined || servers.length === 0) return this.offer()
    const requestFilterTest = this.#server?.requestFilterTest
    const before = this.#discovery
    try {
      const found = await discoverNat({
        port,
        servers,
        clock,
        log,
        hidesHosts,
        tests,
        signal,
        gatewayIp: this.#mapping?.mapping?.external.ip,
        ...(requestFilterTest && tests === 'all' && { requestFilterTest }),
        onUpdate: update => {
          // What came first is better than nothing; what was known of before is better than that.
          if (before === undefined) this.#handleFound(update, true)
        },
      })
      // A short look does not know what the long one had found out.
      this.#handleFound(tests === 'all' || !before ? found : merge(before, found), false)
    } catch (error) {
      if (!signal.aborted) log.debug(`the network cannot be looked at: ${errorDetail(error)}`)
    }
    return this.offer()
  }

  #handleFound(found: Discovery, isPartial: boolean): void {
    const before = this.#discovery
    const wasPartial = this.#isPartial
    this.#discovery = found
    this.#isPartial = isPartial
    if (before === undefined) return this.#tell('more')
    // The rest of the first look is no change of the network.
    const isChange = !wasPartial && reflexive(found) !== reflexive(before)
    if (isChange) this.#tell('changed')
    else if (whatIsOffered(found) !== whatIsOffered(before)) this.#tell('known')
  }

  #refreshLater(): void {
    this.#cancelRefresh?.()
    if (this.#closing.signal.aborted) return
    this.#cancelRefresh = this.#options.clock.after(REFRESH_MS, () => {
      void this.#discover('mapping')
    })
  }

  #watch(): void {
    this.#cancelWatch = this.#options.clock.after(WATCH_MS, () => {
      const now = fingerprint()
      if (now !== this.#interfaces) {
        this.#interfaces = now
        this.#options.log.info('the network of this machine has changed')
        this.#discovery = undefined
        this.#mapping?.handleNetworkChange()
        this.#tell('changed')
        // What is being asked at the moment, the old network may still answer.
        void (this.#asking ?? Promise.resolve()).then(() => this.#discover('all'))
      }
      if (!this.#closing.signal.aborted) this.#watch()
    })
  }

  #tell(what: NetworkChange): void {
    for (const handler of [...this.#handlers]) handler(what)
  }

  #hosts(): Candidate[] {
    const port = this.#port?.address.port
    if (port === undefined || this.#options.hidesHosts) return []
    return localNetworks().map(({ ip }) => ({ type: 'host', address: { ip, port } }))
  }
}

/** The mapping of now with what is known of the network since before. */
function merge(before: Discovery, now: Discovery): Discovery {
  if (!now.profile.udp) return { ...before, profile: { ...before.profile, udp: false } }
  const { mapping, externalIps } = now.profile
  const ports = now.profile.ports ?? before.profile.ports
  return {
    ...before,
    candidates: now.candidates,
    rttMs: now.rttMs,
    profile: { ...before.profile, udp: true, mapping, externalIps, ports },
  }
}

/** What an offer says of it, as a text to compare. */
function whatIsOffered({ candidates, profile }: Discovery): string {
  const { mapping, filtering, ports } = profile
  const lasting = candidates.filter(({ type }) => type !== 'srflx' || isStable(profile))
  return [mapping, filtering, ports?.type, textOf(lasting)].join(', ')
}

/** The addresses at which servers see this machine, as a text to compare. */
function reflexive({ candidates, profile }: Discovery): string {
  if (!isStable(profile)) return [...profile.externalIps].sort().join(' ')
  return textOf(candidates.filter(({ type }) => type === 'srflx'))
}

/** Where each server sees another port it is new each time, and says nothing. */
function isStable({ mapping }: NatProfile): boolean {
  return mapping === 'none' || mapping === 'endpoint-independent'
}

function textOf(candidates: readonly Candidate[]): string {
  return candidates
    .map(({ address: { ip, port } }) => `${ip} ${port}`)
    .sort()
    .join(', ')
}

function localNetworks(): LocalNetwork[] {
  return interfaceAddresses().filter(({ ip, isInternal }) => {
    return !isInternal && !ip.toLowerCase().startsWith('fe80:')
  })
}

function fingerprint(): string {
  return localNetworks()
    .map(({ ip, prefixLength }) => `${ip}/${prefixLength}`)
    .sort()
    .join(', ')
}
