// The server half of a sudp proxy: a door as stcp's. What comes through it is a stream of frp's
// messages for all users of the visitor, or between two of ours a flow link, whose packets go on to
// the owner's link one by one (frp-wire.md section 6.7).

import { beginFlowLink, type Flow, receiveFlowLink, type ReceivedLink } from '../datagram/index.ts'
import { refuse } from '../e2e/index.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import { formatAddress } from '../address.ts'
import { TokenBucket } from '../stream/limit.ts'
import type { ProxyHost, ProxySpec, RunningProxy, UserConnection } from './host.ts'
import { userServer } from './user-connection.ts'

export async function startSudp(spec: ProxySpec, host: ProxyHost): Promise<RunningProxy> {
  if (spec.secret === undefined) throw new TunnelError('PROXY_REFUSED', 'there is no secret')
  const door = host.openDoor(spec.secret, packetServer(spec, host))
  host.log.info('sudp proxy custom listen success')
  return {
    remoteAddr: '',
    async close() {
      door.close()
    },
  }
}

/** Serves visitors whose packets go on to the owner one by one; real ones by their stream. */
export function packetServer(spec: ProxySpec, host: ProxyHost): (user: UserConnection) => void {
  const serveStream = userServer(spec, host)
  const rate = spec.limitBytesPerSecond
  const bucket = rate > 0 ? new TokenBucket(rate, host.clock.now()) : undefined
  return user => {
    if (user.visit?.isEndToEnd !== true) {
      serveStream(user)
      return
    }
    user.stream.on('error', ignore)
    // A visitor of type stcp, whose first record would be his proof: he learns that this proxy is of
    // another type. Visitors of packets come with a proof, or were told the prekey and no more.
    if (user.visit.introduction?.proof === '') {
      refuse(user.stream, new TunnelError('AUTH_FAILED', 'auth failed'), host.clock)
      return
    }
    host.log.info(`get a user connection [${formatAddress(user.remote)}]`)
    join(user, host, bucket).catch((error: unknown) => {
      user.stream.destroy()
      if (error instanceof TunnelError && error.code === 'ABORTED') return
      host.log.warn(`failed to get work connection: ${errorDetail(error)}`)
    })
  }
}

/**
 * What the visitor sends early goes on at once: the owner looks at it when it has accepted him. His
 * link is answered after the owner's, so that he knows.
 */
async function join(
  user: UserConnection,
  host: ProxyHost,
  bucket: TokenBucket | undefined,
): Promise<void> {
  const { packets, clock } = host
  if (packets.isReal) throw new TunnelError('PROTOCOL_ERROR', 'the owner has no packet links')
  const gone = new AbortController()
  user.stream.once('close', () => gone.abort())
  const work = await host.openWorkStream(user, { signal: gone.signal })
  const { stream } = work
  const { session } = packets
  const { link: inner, answered } = beginFlowLink({ stream, session, clock, bucket })
  let flows = 0
  let isAccepted = false
  const count: ProxyHost['countTraffic'] = (inBytes, outBytes) => {
    if (isAccepted) host.countTraffic(inBytes, outBytes)
  }
  const receive = async (): Promise<ReceivedLink> => {
    const options = { stream: user.stream, session: user.visit?.datagrams, clock }
    const received = await receiveFlowLink(options)
    const { link: outer } = received
    void outer.closed.then(() => inner.close())
    void inner.closed.then(() => outer.close())
    outer.onFlow(flow => {
      // He may know no secret: until the owner has looked he has one of the flows that all share.
      const isOne = isAccepted || flows++ === 0
      const onward = isOne ? inner.open(flow.address) : undefined
      if (onward === undefined) flow.close()
      else connect(flow, onward, count)
    })
    return received
  }
  try {
    // Either may be the first to fail.
    const [{ answer }] = await Promise.all([receive(), answered()])
    isAccepted = true
    answer({ idleMs: inner.peerIdleMs })
  } catch (error) {
    inner.close()
    throw error
  }
  const finish = host.countConnection(user.remote)
  await inner.closed
  // Packets were counted one by one.
  finish({ inBytes: 0, outBytes: 0 })
}

function connect(outer: Flow, inner: Flow, count: ProxyHost['countTraffic']): void {
  outer.onPacket(payload => {
    count(payload.length, 0)
    inner.send(payload)
  })
  inner.onPacket(payload => {
    count(0, payload.length)
    outer.send(payload)
  })
  outer.onClose(() => inner.close())
  inner.onClose(() => outer.close())
}

function ignore(): void {}
