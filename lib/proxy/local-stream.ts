// Joins the work stream of one user with the local service of a tcp-like proxy. PROXY header:
// frp-wire.md §5.3; sequence: §5.2.

import net from 'node:net'
import type { Duplex } from 'node:stream'
import { formatAddress } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { ProxyConfig } from '../config/index.ts'
import type { OwnerSecret } from '../e2e/index.ts'
import { errorDetail, errorText, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { encodeProxyHeader } from '../stream/proxy-protocol.ts'
import { splice } from '../stream/splice.ts'
import type { VisitorIntroduction } from '../wire/messages.ts'
import { admitOwn, admitReal } from './guest.ts'
import { SOCKET_HIGH_WATER_MARK } from './host.ts'
import type { Joined, JoinOptions, UserConnection } from './join.ts'
import type { LocalLeg } from './local-leg.ts'

/** Longest wait for the local service, as frp's. */
const LOCAL_DIAL_TIMEOUT_MS = 10_000

/** The proxy whose service is joined. */
export interface StreamService {
  readonly config: ProxyConfig
  readonly leg: LocalLeg
  /** Of a secret proxy. */
  readonly secret: OwnerSecret | undefined
}

/**
 * Owns `stream`. Rejects with LOCAL_SERVICE_DOWN or AUTH_FAILED (logged here) or STREAM_RESET (the
 * user left meanwhile).
 */
export async function joinStream(
  service: StreamService,
  stream: Duplex,
  user: UserConnection,
  { halfClose, log }: Pick<JoinOptions, 'halfClose' | 'log'>,
): Promise<Joined> {
  const { config, leg } = service
  const { introduction } = user
  const guest = introduction && (await admitGuest(service, stream, introduction, log))
  const local = await dial(guest ?? stream, config, { clock: leg.clock, log })
  const { proxyProtocolVersion } = config.transport
  const header = proxyProtocolVersion !== '' && headerOf(proxyProtocolVersion, user)
  if (header) local.write(header)
  const plain = guest ?? leg.layered(stream)
  return joined(plain, local, halfClose)
}

/** The same for a stream of plain bytes, of nobody in particular. */
export async function joinPlain(
  { config, leg }: Pick<StreamService, 'config' | 'leg'>,
  plain: Duplex,
  { halfClose, log }: Pick<JoinOptions, 'halfClose' | 'log'>,
): Promise<Joined> {
  const local = await dial(plain, config, { clock: leg.clock, log })
  return joined(plain, local, halfClose)
}

function joined(plain: Duplex, local: net.Socket, halfClose: boolean): Joined {
  const ended = splice(plain, local, { halfClose }).then(({ aToB, bToA }) => ({
    bytesToLocal: aToB,
    bytesToUser: bToA,
  }))
  return { ended }
}

/**
 * The plain bytes of a visitor who knows the secret; undefined where the proxy has none. Owns
 * `stream`. Rejects as admitOwn and admitReal do, logged.
 */
export async function admitGuest(
  { config, leg, secret }: StreamService,
  stream: Duplex,
  introduction: VisitorIntroduction,
  log: Logger,
): Promise<Duplex | undefined> {
  if (secret === undefined || !('requireEndToEnd' in config)) return undefined
  const options = { secret, clock: leg.clock, requireEndToEnd: config.requireEndToEnd }
  try {
    if (introduction.ephemeral === '') {
      return admitReal(leg.layered(stream), introduction, options)
    }
    return await admitOwn(leg.limited(stream), introduction, options)
  } catch (error) {
    log.warn(`visitor refused: ${errorDetail(error)}`)
    throw error
  }
}

/** Ends with the user's stream, which it destroys when the service cannot be reached. */
function dial(
  stream: Duplex,
  { localIP: host, localPort: port }: ProxyConfig,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    // Node's types know `highWaterMark` for servers only; the option reaches every Duplex.
    const options = {
      host,
      port,
      allowHalfOpen: true,
      noDelay: true,
      highWaterMark: SOCKET_HIGH_WATER_MARK,
    }
    const socket = net.connect(options)
    const finish = (): void => {
      cancelTimer()
      stream.off('close', onGone)
      stream.off('error', onGone)
      socket.off('error', onDown)
      socket.off('connect', onConnect)
    }
    const fail = (error: TunnelError): void => {
      finish()
      // Errors of what is being thrown away say nothing new.
      socket.on('error', ignore)
      stream.on('error', ignore)
      socket.destroy()
      stream.destroy()
      reject(error)
    }
    const onGone = (): void => fail(new TunnelError('STREAM_RESET', 'the user has left'))
    const onDown = (cause: unknown): void => {
      const text = dialErrorText(cause)
      const service = formatAddress({ ip: host, port })
      log.error(`connect to local service [${service}] error: ${text}`)
      fail(new TunnelError('LOCAL_SERVICE_DOWN', `connect to ${service}: ${text}`, { cause }))
    }
    const onConnect = (): void => {
      finish()
      resolve(socket)
    }
    const cancelTimer = clock.after(LOCAL_DIAL_TIMEOUT_MS, () =>
      onDown(new Error(`no answer within ${LOCAL_DIAL_TIMEOUT_MS / 1_000} s`)),
    )
    stream.on('close', onGone)
    stream.on('error', onGone)
    socket.on('error', onDown)
    socket.on('connect', onConnect)
    if (stream.destroyed) onGone()
  })
}

function ignore(): void {}

/** A host name with several addresses fails with one error for each. */
function dialErrorText(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(errorText).join('; ')
  return errorText(error)
}

/** frp's rule: no header without a source; a missing destination address is 127.0.0.1. */
function headerOf(
  version: 'v1' | 'v2',
  { source, destination }: UserConnection,
): Buffer | undefined {
  if (!source || source.port === 0) return undefined
  return encodeProxyHeader({
    version,
    source,
    destination: destination ?? { ip: '127.0.0.1', port: 0 },
  })
}
