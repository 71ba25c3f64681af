// The owner's half of frp's hole punching: frps tells of a real visitor on a work stream; the owner
// opens a hole towards him and serves the streams of the one session that comes through it, on QUIC
// or KCP as the visitor wants (frp-wire.md sections 7.1 and 7.11).

import type { XtcpProxyConfig } from '../config/index.ts'
import { errorDetail, errorText, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import {
  acceptTunnel,
  isTunnelStart,
  prepareHole,
  preparedLine,
  prepareToAccept,
  punch,
} from '../nathole/index.ts'
import type { Session, Stream } from '../transport/transport.ts'
import { isAuthKey } from '../wire/auth.ts'
import { MessageChannel } from '../wire/channel.ts'
import { deriveKey } from '../wire/cipher.ts'
import type { NatHoleSid } from '../wire/messages.ts'
import type { HoleAccess, Joined } from './join.ts'
import type { LocalLeg } from './local-leg.ts'
import { joinPlain } from './local-stream.ts'

export interface FrpHoleOwner {
  readonly config: XtcpProxyConfig
  /** With the user prefix. */
  readonly name: string
  readonly leg: LocalLeg
  /** Of the proxy: holes that are being opened. */
  readonly opening: Set<Stream>
}

export interface FrpHoleOptions extends HoleAccess {
  readonly log: Logger
  /** Gives it up: the client is over. */
  readonly signal: AbortSignal
}

/** frps writes the message right after StartWorkConn. */
const SID_TIMEOUT_MS = 5_000
/** frp's wait for frps. */
const ASK_TIMEOUT_MS = 5_000
/** At once; each may take 257 sockets for half a minute, on the word of frps. */
const MAX_OPENING = 16
/** Of a visitor's key. */
const MAX_CLOCK_OFFSET_S = 300

/**
 * Owns `stream`. Resolves when the visitor is connected; `ended` when he has left. Rejects with
 * what went wrong (logged here).
 */
export async function serveFrpHole(
  owner: FrpHoleOwner,
  stream: Stream,
  options: FrpHoleOptions,
): Promise<Joined> {
  const { log } = options
  const { opening } = owner
  try {
    if (opening.size >= MAX_OPENING) {
      stream.destroy()
      throw new TunnelError('LIMIT_EXCEEDED', `${MAX_OPENING} holes are being opened already`)
    }
    opening.add(stream)
    const session = await openSession(owner, stream, options).finally(() => opening.delete(stream))
    return { ended: serve(owner, session, options) }
  } catch (error) {
    if (!(error instanceof TunnelError && error.code === 'ABORTED')) {
      log.warn(`make hole error: ${errorDetail(error)}`)
    }
    throw error
  }
}

async function openSession(
  { config, name, leg }: FrpHoleOwner,
  stream: Stream,
  { signalling, network, log, signal }: FrpHoleOptions,
): Promise<Session> {
  const { clock } = leg
  const channel = new MessageChannel(stream, { clock })
  let message: NatHoleSid
  try {
    message = await channel.readExpected('NatHoleSid', { timeoutMs: SID_TIMEOUT_MS })
  } finally {
    channel.destroy()
  }
  const { sid } = message
  const secretKey = config.secretKey.reveal()
  const refusal = refusalOf(name, secretKey, message)
  if (refusal !== undefined) {
    signalling.send({ type: 'NatHoleClient', proxy_name: name, sid, quicfrp: { error: refusal } })
    throw new TunnelError('AUTH_FAILED', refusal)
  }
  // Of use for QUIC only, which most take; a failure is acceptTunnel's to tell.
  prepareToAccept().catch(ignore)
  const hidesLocal = config.natTraversal.disableAssistedAddrs
  const prepared = await prepareHole({ network, hidesLocal, clock, signal })
  log.info(preparedLine(prepared))
  const { sockets, mapped_addrs, assisted_addrs } = prepared
  const question = { proxy_name: name, sid, mapped_addrs, assisted_addrs }
  const answer = await signalling
    .ask({ type: 'NatHoleClient', ...question }, { timeoutMs: ASK_TIMEOUT_MS, signal })
    .catch(async (error: unknown) => {
      await sockets.close()
      throw error
    })
  const { mode, role } = answer.detect_behavior
  log.debug(`get natHoleRespMsg, sid [${sid}], mode ${mode}, role ${role}`)
  const report = (success: boolean): void => {
    signalling.send({ type: 'NatHoleReport', sid: answer.sid, success })
  }
  try {
    const { protocol } = answer
    const hole = await punch(prepared, {
      answer,
      secretKey,
      isTunnelStart: data => isTunnelStart(protocol, data),
      clock,
      signal,
    })
    const peer = `${hole.remote.ip}:${hole.remote.port}`
    log.info(`establishing nat hole connection successful, sid [${sid}], remoteAddr [${peer}]`)
    report(true)
    return await acceptTunnel(hole, { protocol, quic: network.quic, signal })
  } catch (error) {
    report(false)
    throw error
  }
}

/** Why this visitor is not let in, for him to read. Real servers have checked him already. */
function refusalOf(
  name: string,
  secretKey: string,
  { quicfrp: visit }: NatHoleSid,
): string | undefined {
  if (visit === undefined) return undefined
  const now = Math.floor(Date.now() / 1_000)
  const isKeyRight = isAuthKey(secretKey, visit.timestamp, visit.sign_key)
  if (isKeyRight && Math.abs(visit.timestamp - now) <= MAX_CLOCK_OFFSET_S) return undefined
  return `xtcp connection of [${name}] auth failed`
}

/** Resolves when the session and every stream of it have ended. */
async function serve(
  { config, leg }: Pick<FrpHoleOwner, 'config' | 'leg'>,
  session: Session,
  { log, signal }: FrpHoleOptions,
): Promise<{ readonly bytesToLocal: number; readonly bytesToUser: number }> {
  const total = { bytesToLocal: 0, bytesToUser: 0 }
  const running = new Set<Promise<void>>()
  const key = deriveKey(config.secretKey.reveal())
  const join = async (stream: Stream): Promise<void> => {
    // Until it has its next owner, an error of it belongs to nobody.
    stream.on('error', ignore)
    stream.setPriority?.(config.transport.priority)
    try {
      const plain = leg.layered(stream, key)
      const joined = await joinPlain({ config, leg }, plain, { halfClose: false, log })
      const { bytesToLocal, bytesToUser } = await joined.ended
      total.bytesToLocal += bytesToLocal
      total.bytesToUser += bytesToUser
    } catch (error) {
      log.debug(`a user of the tunnel was not served: ${errorText(error)}`)
    }
  }
  session.onStream(stream => {
    const joining = join(stream)
    running.add(joining)
    void joining.finally(() => running.delete(joining))
  })
  const onAbort = (): void => void session.close('the client stops')
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  const { detail } = await session.closed
  signal.removeEventListener('abort', onAbort)
  log.debug(`tunnel closed: ${detail}`)
  await Promise.all(running)
  return total
}

function ignore(): void {}
