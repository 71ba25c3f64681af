// What a peer's policy is told of the traffic: which ways QUIC packets came by, when something left
// that wants an answer, and what was lost. Packets of one turn of the loop are not told one by one.

import type { PathPolicy, Route } from '../../nat/index.ts'
import type { PeerSession } from '../transport/quic-peer.ts'
import type { PeerUsers } from './peer-users.ts'

const REPORT_MS = 5
const DELIVERY_MS = 1_000

type Reported = Pick<
  PathPolicy,
  'handleInbound' | 'handleOutbound' | 'handleActivity' | 'handleDelivery'
>
type Users = Pick<PeerUsers, 'takeProgress'>
type Reporter = Pick<PeerSession, 'isAwaitingAnswer' | 'packetsReceived' | 'delivery'>

export class PathReports {
  readonly #policy: Reported
  readonly #heardAt = new Map<Route, number>()
  #received = 0
  #sentAt = -Infinity
  #delivery = { at: -Infinity, sentBytes: 0, lostBytes: 0 }

  constructor(policy: Reported) {
    this.#policy = policy
  }

  forget(route: Route): void {
    this.#heardAt.delete(route)
  }

  /**
   * Something leaves. Users who say nothing are no reason to watch the ways closely. True when the
   * policy knows more than before.
   */
  handleSent(session: Reporter | undefined, users: Users, now: number): boolean {
    if (now - this.#sentAt < REPORT_MS) return false
    // Acknowledgements are not answered.
    if (session?.isAwaitingAnswer !== true) return false
    this.#sentAt = now
    this.#policy.handleOutbound(now)
    if (users.takeProgress()) this.#policy.handleActivity(now)
    return true
  }

  /**
   * `heard`: where datagrams came from. Only what QUIC could decrypt shows that a way works. True
   * when the policy knows more than before.
   */
  handleHeard(session: Reporter | undefined, heard: Iterable<Route>, now: number): boolean {
    const received = session?.packetsReceived ?? 0
    if (session === undefined || received === this.#received) return false
    this.#received = received
    let isReported = false
    for (const route of heard) {
      if (now - (this.#heardAt.get(route) ?? -Infinity) < REPORT_MS) continue
      this.#heardAt.set(route, now)
      this.#policy.handleInbound(route, now)
      isReported = true
    }
    if (isReported) this.#reportDelivery(session, now)
    return isReported
  }

  #reportDelivery({ delivery }: Reporter, now: number): void {
    const last = this.#delivery
    if (delivery === undefined || now - last.at < DELIVERY_MS) return
    const { sentBytes, lostBytes, rate } = delivery
    this.#delivery = { at: now, sentBytes, lostBytes }
    const sent = sentBytes - last.sentBytes
    if (last.at === -Infinity || sent <= 0) return
    this.#policy.handleDelivery(
      {
        bytesPerSecond: rate,
        loss: Math.min(1, (lostBytes - last.lostBytes) / sent),
        probeTimeouts: 0,
        isLoaded: sent > rate * ((now - last.at) / 1_000) * 0.5,
      },
      now,
    )
  }
}
