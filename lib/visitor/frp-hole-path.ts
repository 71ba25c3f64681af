// The way of a real frp to an xtcp proxy: a hole that is opened with frp's exchange, and one
// session through it, on QUIC or KCP, with a stream for each user (frp-wire.md section 7). There is
// no relay: a user who finds no tunnel waits, and whoever gave him to us may take him elsewhere
// (fallbackTo).
//
// Of use where the owner or frps is a real frp; between three of ours a peer connection does
// better.

import type { XtcpVisitorConfig } from '../config/index.ts'
import { Alarm } from '../control/alarm.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import {
  dialTunnel,
  type HoleNetwork,
  prepareHole,
  preparedLine,
  punch,
  TunnelPacing,
} from '../nathole/index.ts'
import { layerStream } from '../stream/layers.ts'
import type { Session } from '../transport/transport.ts'
import { authKey } from '../wire/auth.ts'
import { deriveKey } from '../wire/cipher.ts'
import { proxyNameOf } from './exchange.ts'
import type { VisitorHost, VisitorSession } from './host.ts'
import type { PathStream, Route, VisitorPath } from './path.ts'

/** frp's waits: for frps, and of a user for the tunnel where there is no fallback. */
const ASK_TIMEOUT_MS = 5_000
const USER_TIMEOUT_MS = 20_000

export interface FrpHolePathOptions {
  readonly host: HoleHost
  readonly network: HoleNetwork
}

/** What it needs of its visitor's host. */
export interface HoleHost extends Pick<VisitorHost, 'log' | 'clock' | 'user'> {
  session(options: {
    readonly signal: AbortSignal
  }): Promise<Pick<VisitorSession, 'signalling' | 'stunServers'>>
}

interface Waiter {
  resolve(session: Session): void
  reject(error: TunnelError): void
}

export class FrpHolePath implements VisitorPath {
  readonly #config: XtcpVisitorConfig
  readonly #host: HoleHost
  readonly #network: HoleNetwork
  readonly #pacing: TunnelPacing
  readonly #alarm: Alarm
  readonly #waiting = new Set<Waiter>()
  readonly #end = new AbortController()
  #session: Session | undefined
  #streams = 0
  #onRoute: ((route: Route | undefined) => void) | undefined

  constructor(config: XtcpVisitorConfig, { host, network }: FrpHolePathOptions) {
    this.#config = config
    this.#host = host
    this.#network = network
    const { clock } = host
    const { keepTunnelOpen, minRetryInterval, maxRetriesAnHour } = config
    this.#pacing = new TunnelPacing(
      {
        keepsOpen: keepTunnelOpen,
        minRetryIntervalMs: minRetryInterval * 1_000,
        maxRetriesAnHour,
      },
      clock.now(),
    )
    this.#alarm = new Alarm(clock, () => this.#drive())
  }

  /** With keepTunnelOpen the hole is opened before a user comes. */
  start(): void {
    this.#drive()
  }

  get route(): Route | undefined {
    const { remoteAddress: address } = this.#session ?? {}
    return address && { kind: 'direct', address }
  }

  onRoute(handler: (route: Route | undefined) => void): void {
    this.#onRoute = handler
  }

  /** Also rejects with TIMED_OUT after fallbackTimeoutMs where there is a fallback, else 20 s. */
  async openStream({ signal }: { readonly signal: AbortSignal }): Promise<PathStream> {
    const session = this.#session ?? (await this.#wait(signal))
    const stream = await session.openStream().catch((error: unknown) => {
      // It is over and does not know it yet; frp closes it as well.
      void session.close('no stream can be opened')
      throw error
    })
    this.#streams++
    stream.once('close', () => {
      this.#streams--
      this.#endIfIdle()
    })
    const { secretKey, transport } = this.#config
    const encryptionKey = transport.useEncryption ? deriveKey(secretKey.reveal()) : undefined
    // Else services that speak first would wait for a user who waits for them; without layers they
    // do, as in frp: nothing can be said on the stream that is not the user's.
    const options = { encryptionKey, compression: transport.useCompression, speaksFirst: true }
    const plain = layerStream(stream, options)
    return { stream: plain, halfClose: false, isAccepted: true }
  }

  async close(): Promise<void> {
    this.#end.abort()
    this.#pacing.close()
    this.#alarm.set(undefined)
    for (const { reject } of [...this.#waiting]) {
      reject(new TunnelError('SESSION_CLOSED', 'the visitor stops'))
    }
    this.#endIfIdle()
  }

  /** Gives up the tunnel of the moment; the next user gets a new one. */
  async end(): Promise<void> {
    await this.#session?.close('given up')
  }

  #endIfIdle(): void {
    if (this.#end.signal.aborted && this.#streams === 0) void this.#session?.close('')
  }

  #wait(signal: AbortSignal): Promise<Session> {
    const { fallbackTo, fallbackTimeoutMs } = this.#config
    const timeoutMs = fallbackTo === '' ? USER_TIMEOUT_MS : fallbackTimeoutMs
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        cancel()
        signal.removeEventListener('abort', onAbort)
        this.#waiting.delete(waiter)
        this.#pacing.handleWanted(this.#waiting.size)
      }
      const waiter: Waiter = {
        resolve: session => {
          finish()
          resolve(session)
        },
        reject: error => {
          finish()
          reject(error)
        },
      }
      const onAbort = (): void => waiter.reject(new TunnelError('ABORTED', 'the user left'))
      const cancel = this.#host.clock.after(timeoutMs, () =>
        waiter.reject(new TunnelError('TIMED_OUT', 'open tunnel timeout')),
      )
      this.#waiting.add(waiter)
      this.#pacing.handleWanted(this.#waiting.size)
      signal.addEventListener('abort', onAbort)
      if (signal.aborted) onAbort()
      else this.#drive()
    })
  }

  #drive(): void {
    const { clock } = this.#host
    if (this.#pacing.begin(clock.now())) void this.#try()
    this.#alarm.set(this.#pacing.deadline())
  }

  async #try(): Promise<void> {
    const { log } = this.#host
    try {
      this.#handleUp(await this.#open())
    } catch (error) {
      this.#pacing.handleFailed()
      if (error instanceof TunnelError && error.code === 'ABORTED') return
      log.warn(`open tunnel error: ${errorDetail(error)}`)
      // Another try would get the same answer.
      if (error instanceof TunnelError && error.code === 'PROXY_REFUSED') {
        for (const { reject } of [...this.#waiting]) reject(error)
      }
    }
    this.#drive()
  }

  /** From the question to frps to the session through the hole. */
  async #open(): Promise<Session> {
    const { clock, log } = this.#host
    const { signal } = this.#end
    const { protocol, secretKey, natTraversal } = this.#config
    const from = await this.#host.session({ signal })
    const { signalling, stunServers = this.#network.stunServers } = from
    const proxy_name = proxyNameOf(this.#config, this.#host.user)
    const ask = { timeoutMs: ASK_TIMEOUT_MS, signal }
    const preparing = prepareHole({
      network: { ...this.#network, stunServers },
      hidesLocal: natTraversal.disableAssistedAddrs,
      clock,
      signal,
    })
    const checking = signalling.ask({ type: 'NatHoleVisitor', proxy_name, pre_check: true }, ask)
    const [prepared] = await both(preparing, checking).catch(async (error: unknown) => {
      await preparing.then(({ sockets }) => sockets.close(), ignore)
      throw error
    })
    log.info(preparedLine(prepared))
    const { sockets, mapped_addrs, assisted_addrs } = prepared
    const timestamp = Math.floor(Date.now() / 1_000)
    const sign_key = authKey(secretKey.reveal(), timestamp)
    const question = { proxy_name, protocol, sign_key, timestamp, mapped_addrs, assisted_addrs }
    const answer = await signalling
      .ask({ type: 'NatHoleVisitor', ...question }, ask)
      .catch(async (error: unknown) => {
        await sockets.close()
        throw error
      })
    const { mode, role } = answer.detect_behavior
    log.debug(`get natHoleRespMsg, sid [${answer.sid}], mode ${mode}, role ${role}`)
    const hole = await punch(prepared, { answer, secretKey: secretKey.reveal(), clock, signal })
    const session = await dialTunnel(hole, { protocol, quic: this.#network.quic, signal })
    const peer = `${hole.remote.ip}:${hole.remote.port}`
    const where = `sid [${answer.sid}], remoteAddr [${peer}]`
    log.info(`establishing nat hole connection successful, ${where}`)
    return session
  }

  #handleUp(session: Session): void {
    this.#pacing.handleUp()
    this.#session = session
    this.#onRoute?.(this.route)
    for (const { resolve } of [...this.#waiting]) resolve(session)
    void session.closed.then(({ detail }) => {
      if (this.#session !== session) return
      this.#session = undefined
      this.#pacing.handleDown(this.#host.clock.now())
      if (!this.#end.signal.aborted) this.#host.log.info(`tunnel closed: ${detail}`)
      this.#onRoute?.(undefined)
      this.#drive()
    })
    this.#endIfIdle()
  }
}

/** Both, or the first failure; the other's is nobody's then. */
async function both<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  a.catch(ignore)
  b.catch(ignore)
  return Promise.all([a, b])
}

function ignore(): void {}
