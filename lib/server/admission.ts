// What strangers may do: how many sessions may stay without a login, for how long, and how often a
// login may fail. Sans-IO. frp has none of these bounds (frp-wire.md section 9.3).

import { networkKey } from '../address.ts'
import type { Protocol } from '../transport/transport.ts'

export type AdmissionOutput<S> =
  /** Close this session: its time is up, or a newer one needs its place. */
  { readonly type: 'close'; readonly session: S; readonly reason: 'too slow' | 'crowded out' }

/**
 * Sessions of one address that have not logged in. A burst of users of a real client without
 * multiplexing brings one session for each, so this must be well above what is seen in earnest.
 */
const MAX_PENDING_PER_IP = 512

/** Sessions that have not logged in, of all addresses. About 20 kB each with TLS. */
const MAX_PENDING = 2048

/** frp's time for the first message (frp-wire.md section 1.2). */
const LOGIN_MS = 10_000

/**
 * The same for QUIC peers while more than a quarter of all places is taken: a handshake costs us
 * more there.
 */
const CROWDED_QUIC_LOGIN_MS = 2_000

/**
 * Failed logins of one address: so many at once, then one in each period. frpc with a wrong token
 * tries 3 a minute.
 */
const FAILURE_BURST = 20
const FAILURE_PERIOD_MS = 2_000

/** Addresses with failures that are remembered; past it the longest known is forgotten. */
const MAX_FAILED_IPS = 10_000

interface Pending<S> {
  readonly session: S
  readonly ip: string
  readonly protocol: Protocol
  readonly since: number
}

/**
 * `S` is whatever a session is to the driver; it is compared by identity. Times in milliseconds.
 */
export class Admission<S> {
  /** Insertion order is age. */
  readonly #pending = new Map<S, Pending<S>>()
  readonly #byIp = new Map<string, Set<S>>()
  /** When the failures of an address will be forgiven. */
  readonly #failures = new Map<string, number>()
  readonly #outputs: AdmissionOutput<S>[] = []

  get pendingCount(): number {
    return this.#pending.size
  }

  /**
   * A new session. It always gets its place: where there is none left, the one that has waited
   * longest gives up its own, so that a thousand silent sessions cannot keep out one that talks.
   */
  handleSession(
    session: S,
    { ip, protocol }: { readonly ip: string; readonly protocol: Protocol },
    now: number,
  ): void {
    const key = networkKey(ip)
    const ofIp = this.#byIp.get(key) ?? new Set()
    if (ofIp.size >= MAX_PENDING_PER_IP) this.#crowdOut(ofIp)
    else if (this.#pending.size >= MAX_PENDING) this.#crowdOut(this.#pending.keys())
    ofIp.add(session)
    this.#byIp.set(key, ofIp)
    this.#pending.set(session, { session, ip: key, protocol, since: now })
  }

  /** It logged in, brought a work stream of a known client, or is closed. */
  handleSettled(session: S): void {
    this.#remove(session)
  }

  /** False while this address has failed too often: its Login is refused unread. */
  mayLogin(ip: string, now: number): boolean {
    const forgivenAt = this.#failures.get(networkKey(ip))
    return forgivenAt === undefined || forgivenAt - now <= (FAILURE_BURST - 1) * FAILURE_PERIOD_MS
  }

  /** A login with a wrong token. */
  handleFailure(ip: string, now: number): void {
    const key = networkKey(ip)
    const forgivenAt = Math.max(now, this.#failures.get(key) ?? now) + FAILURE_PERIOD_MS
    this.#failures.delete(key)
    this.#failures.set(key, forgivenAt)
    if (this.#failures.size > MAX_FAILED_IPS) {
      for (const oldest of this.#failures.keys()) {
        this.#failures.delete(oldest)
        break
      }
    }
  }

  poll(now: number): AdmissionOutput<S> | undefined {
    for (const pending of this.#expiring()) {
      if (this.#deadlineOf(pending) > now) continue
      this.#remove(pending.session)
      this.#outputs.push({ type: 'close', session: pending.session, reason: 'too slow' })
    }
    return this.#outputs.shift()
  }

  deadline(): number | undefined {
    const deadlines = [...this.#expiring()].map(pending => this.#deadlineOf(pending))
    return deadlines.length === 0 ? undefined : Math.min(...deadlines)
  }

  /** The oldest of each kind of deadline: nothing else can be due before one of them. */
  *#expiring(): Iterable<Pending<S>> {
    const seen = { quic: false, other: false }
    for (const pending of this.#pending.values()) {
      const kind = pending.protocol === 'quic' ? 'quic' : 'other'
      if (seen[kind]) continue
      seen[kind] = true
      yield pending
      if (seen.quic && seen.other) return
    }
  }

  #deadlineOf({ protocol, since }: Pending<S>): number {
    const isCrowded = this.#pending.size > MAX_PENDING / 4
    return since + (protocol === 'quic' && isCrowded ? CROWDED_QUIC_LOGIN_MS : LOGIN_MS)
  }

  #crowdOut(candidates: Iterable<S>): void {
    for (const session of candidates) {
      this.#remove(session)
      this.#outputs.push({ type: 'close', session, reason: 'crowded out' })
      return
    }
  }

  #remove(session: S): void {
    const pending = this.#pending.get(session)
    if (pending === undefined) return
    this.#pending.delete(session)
    const ofIp = this.#byIp.get(pending.ip)
    ofIp?.delete(session)
    if (ofIp?.size === 0) this.#byIp.delete(pending.ip)
  }
}
