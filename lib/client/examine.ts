// `frpc doctor` and `frpc nathole discover` without their words: logs in by each protocol, looks at
// the network, and says what was found.

import { type Clock, systemClock } from '../clock.ts'
import type { Address } from '../address.ts'
import type { ClientConfig } from '../config/index.ts'
import { errorDetail, TunnelError, type ErrorCode } from '../errors.ts'
import { type Logger, silentLogger } from '../log.ts'
import { natFeature, type NatFeature } from '../nathole/index.ts'
import { examineNetwork, type NetworkReport, parseStunServers } from '../peer/index.ts'
import type { ExamineOptions, ServerView } from '../peer/index.ts'
import { ownStunServers } from './hole-network.ts'
import { ClientRun } from './run.ts'

/** How one protocol reaches frps. */
export interface ServerTrial {
  readonly protocol: 'quic' | 'tcp'
  readonly isLoggedIn: boolean
  /** From the first packet to the login, in milliseconds. */
  readonly tookMs: number
  readonly rttMs: number | undefined
  readonly serverVersion: string
  /** False for a real frps. */
  readonly isOurs: boolean
  /** Why it did not log in; empty otherwise. */
  readonly error: string
  readonly code: ErrorCode | undefined
}

/** What frp's own report says, from the two addresses that it would have got. */
export interface FrpReport extends NatFeature {
  readonly stunServer: Address
  readonly addresses: readonly Address[]
}

export interface Examination {
  readonly network: NetworkReport
  /** In the order quic, tcp; empty where no server was to be tried. */
  readonly server: readonly ServerTrial[]
  /** Undefined where fewer than two addresses were seen. */
  readonly frp: FrpReport | undefined
}

export interface ExamineNetworkOptions {
  readonly config: ClientConfig
  /**
   * `login`: logs in at serverAddr:serverPort and asks its STUN servers. `stun`: only asks whether
   * it answers STUN. `none`: there is no server.
   */
  readonly server: 'login' | 'stun' | 'none'
  /** Where the socket is bound that is asked about. */
  readonly bind?: Address
  readonly log?: Logger
  readonly clock?: Clock
  readonly signal?: AbortSignal
}

/**
 * Takes one to five seconds, and up to dialServerTimeout where frps does not answer. Rejects with
 * UNSUPPORTED where no UDP socket can be opened, with ABORTED, and with CONFIG_INVALID.
 */
export async function examine(options: ExamineNetworkOptions): Promise<Examination> {
  const { config, server: use, bind, signal } = options
  const clock = options.clock ?? systemClock
  const log = options.log ?? silentLogger
  const { protocol } = config.transport
  const protocols = (['quic', 'tcp'] as const).filter(one => [one, 'auto'].includes(protocol))
  const trials = use === 'login' ? protocols.map(one => new Trial(config, one, clock)) : []
  try {
    const network = await examineNetwork({
      ...stunServersOf(config, use),
      mapsPorts: config.natPortMapping,
      server: firstView(trials),
      bind,
      clock,
      log,
      ...(signal && { signal }),
    })
    const server = await Promise.all(trials.map(({ result }) => result))
    return { network, server, frp: frpReport(network) }
  } finally {
    await Promise.all(trials.map(trial => trial.close()))
  }
}

/** One login by one protocol. The session stays until `close`. */
class Trial {
  readonly result: Promise<ServerTrial>
  readonly #client: ClientRun

  constructor(written: ClientConfig, protocol: 'quic' | 'tcp', clock: Clock) {
    const config: ClientConfig = {
      ...written,
      // Not the running client's: frps would take one for the other.
      clientID: '',
      loginFailExit: true,
      transport: { ...written.transport, protocol },
    }
    // Its own log would only repeat what the report says.
    this.#client = new ClientRun({ config, proxies: [], visitors: [] }, { clock })
    this.result = this.#run(protocol, clock)
  }

  async #run(protocol: 'quic' | 'tcp', clock: Clock): Promise<ServerTrial> {
    const startedAt = clock.now()
    let serverVersion = ''
    let features: readonly string[] = []
    this.#client.once('login', login => ({ serverVersion, features } = login))
    const failed = { rttMs: undefined, serverVersion, isOurs: false, isLoggedIn: false }
    try {
      await this.#client.start()
    } catch (error) {
      const code = error instanceof TunnelError ? error.code : undefined
      const tookMs = clock.now() - startedAt
      return { ...failed, protocol, tookMs, error: reasonOf(error), code }
    }
    return {
      protocol,
      isLoggedIn: true,
      tookMs: clock.now() - startedAt,
      rttMs: this.#client.session()?.rttMs,
      serverVersion,
      isOurs: features.length > 0,
      error: '',
      code: undefined,
    }
  }

  /** For discovery; undefined without a session. */
  view(): ServerView | undefined {
    return this.#client.serverView()
  }

  close(): Promise<void> {
    return this.#client.close({ graceMs: 0 })
  }
}

/** Of the first trial that logs in; undefined when none does. */
async function firstView(trials: readonly Trial[]): Promise<ServerView | undefined> {
  const views = trials.map(async trial => {
    const { isLoggedIn } = await trial.result
    const view = isLoggedIn ? trial.view() : undefined
    if (view === undefined) throw new TunnelError('CONNECT_FAILED', 'no session')
    return view
  })
  // All failed, which the results say better.
  return Promise.any(views).catch(() => undefined)
}

/** Two addresses from the first server that has a second one, else from two servers. */
function frpReport({ discovery, localIps }: NetworkReport): FrpReport | undefined {
  const answered = discovery.servers.filter(({ mapped }) => mapped && !mapped.ip.includes(':'))
  const complete = answered.find(({ mappedAtOther }) => mappedAtOther !== undefined)
  const [first = undefined] = complete ? [complete] : answered
  const addresses = complete
    ? [complete.mapped, complete.mappedAtOther]
    : answered.slice(0, 2).map(({ mapped }) => mapped)
  const seen = addresses.filter(address => address !== undefined)
  if (first === undefined || seen.length < 2) return undefined
  return { ...natFeature(seen, localIps), stunServer: first.server, addresses: seen }
}

/**
 * Whom to ask. frp's default server is somebody else's: with frps of ours the doctor needs it not.
 * frps answers STUN on the port of QUIC.
 */
function stunServersOf(
  config: ClientConfig,
  use: ExamineNetworkOptions['server'],
): Pick<ExamineOptions, 'stunServers' | 'otherStunServers'> {
  const { natHoleStunServer, serverAddr, serverPort } = config
  const named = parseStunServers(natHoleStunServer)
  const frps = { host: serverAddr, port: serverPort }
  if (use === 'none') return { stunServers: named }
  if (use === 'stun') return { stunServers: [...named, frps] }
  const chosen = ownStunServers(config)
  return { stunServers: chosen, otherStunServers: chosen.length > 0 ? [frps] : [...named, frps] }
}

/** Without the sentence that frp writes around it. */
function reasonOf(error: unknown): string {
  const cause = error instanceof TunnelError ? error.cause : undefined
  return errorDetail(cause ?? error)
}
