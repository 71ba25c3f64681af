// The users of one port whose packets travel on a flow link: those of a udp proxy at frps, or of a
// visitor's door. Each has a flow while there is a link, and a place in the table until he has been
// silent too long; while there is no link the last packets are kept for a moment.

import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { Flow, FlowLink } from '../datagram/index.ts'
import { PacketHold } from './packet-hold.ts'
import { type UdpUser, UdpUsers } from './udp-users.ts'

export interface UserFlowsOptions {
  /** Places, and those that one IPv4 address or IPv6 /64 can have. */
  readonly limits: { readonly maxUsers: number; readonly maxPerIp: number }
  readonly clock: Clock
  /** A packet for a user. `payload` is lent. */
  readonly answer: (payload: Buffer, to: Address) => void
}

/**
 * A user is forgotten a little after the other end has done so, which tells us. Towards a real frp,
 * which says nothing, long after its 30 s.
 */
const IDLE_ALLOWANCE_MS = 10_000
const FRP_IDLE_MS = 60_000

/** A busy table's deadline is always near; so often is soon enough. */
const LEAST_SWEEP_MS = 1_000

type User = UdpUser<Flow>

export class UserFlows {
  readonly #clock: Clock
  readonly #answer: (payload: Buffer, to: Address) => void
  readonly #users: UdpUsers<Flow>
  readonly #hold = new PacketHold<User>()
  #link: FlowLink | undefined
  #cancelSweep: (() => void) | undefined
  #isOver = false

  constructor({ limits, clock, answer }: UserFlowsOptions) {
    this.#clock = clock
    this.#answer = answer
    this.#users = new UdpUsers({ ...limits, idleMs: FRP_IDLE_MS })
  }

  get hasLink(): boolean {
    return this.#link !== undefined
  }

  /** `payload` is lent; without a link it is kept for a moment. False: there is no place for him. */
  handlePacket(payload: Buffer, from: Address): boolean {
    const now = this.#clock.now()
    const user = this.#users.handlePacket(from, now) ?? this.#admit(from, now)
    if (user === undefined) return false
    if (this.#link === undefined) this.#hold.push(user, payload, now)
    else this.#forward(user, payload)
    return true
  }

  /** Resolves with the reason when the link is over; until then it carries all packets. */
  async use(link: FlowLink): Promise<string> {
    if (this.#isOver) link.close()
    else {
      this.#link = link
      const { peerIdleMs } = link
      this.#users.idleMs = peerIdleMs === undefined ? FRP_IDLE_MS : peerIdleMs + IDLE_ALLOWANCE_MS
      this.#hold.release(this.#clock.now(), (user, payload) => this.#forward(user, payload))
    }
    const reason = await link.closed
    if (this.#link === link) this.#link = undefined
    return reason
  }

  /** Ends the link, too. */
  close(): void {
    this.#isOver = true
    this.#cancelSweep?.()
    this.#link?.close()
  }

  #admit(from: Address, now: number): User | undefined {
    const admitted = this.#isOver ? undefined : this.#users.admit(from, now)
    if (admitted === undefined) return undefined
    admitted.evicted?.session?.close()
    this.#cancelSweep ??= this.#sweepAfter(this.#users.idleMs)
    return admitted.user
  }

  #forward(user: User, payload: Buffer): void {
    const flow = user.session ?? this.#flowOf(user)
    flow?.send(payload)
  }

  #flowOf(user: User): Flow | undefined {
    const flow = this.#link?.open(user.address)
    if (flow === undefined) return undefined
    user.session = flow
    flow.onPacket(payload => {
      this.#users.handleAnswer(user, this.#clock.now())
      this.#answer(payload, user.address)
    })
    // The other end has forgotten him, or the link is over: his next packet opens another flow.
    flow.onClose(() => (user.session = undefined))
    return flow
  }

  #sweepAfter(delayMs: number): () => void {
    return this.#clock.after(delayMs, () => this.#sweep())
  }

  #sweep(): void {
    this.#cancelSweep = undefined
    const now = this.#clock.now()
    for (let user = this.#users.poll(now); user !== undefined; user = this.#users.poll(now)) {
      user.session?.close()
    }
    const deadline = this.#users.deadline()
    if (deadline === undefined) return
    this.#cancelSweep = this.#sweepAfter(Math.max(LEAST_SWEEP_MS, deadline - now))
  }
}
