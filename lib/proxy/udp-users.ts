// The users of one udp proxy, at either end: who has a session, who has been silent too long, who
// goes when the table is full. Sans-IO.
//
// Anyone can send to a public port under any address, so a place in the table costs nothing and
// must not be worth anything: users who answered an answer have proven their address (a spoofer
// never sees what he would have to react to) and are not pushed out by those who have not.

import { type Address, formatAddress, networkKey } from '../address.ts'

export interface UdpUsersOptions {
  readonly maxUsers: number
  /** Of one IPv4 address or IPv6 /64. */
  readonly maxPerIp: number
  /** Silence after which a user is forgotten, milliseconds. */
  readonly idleMs: number
}

/** New users in a second, and at once: a game that starts has some hundred, a flood a million. */
const NEW_PER_SECOND = 1_000
const NEW_BURST = 4_096

/** A proven user who has been silent so long can lose his place to a new one. Milliseconds. */
const RESTING_MS = 5_000

/** `S` is what the driver keeps for a user. */
export interface UdpUser<S> {
  address: Address
  readonly key: string
  session: S | undefined
}

interface Entry<S> extends UdpUser<S> {
  readonly ipKey: string
  at: number
  /** `new`: nothing came back to him; `answered`: something did; `proven`: and he went on. */
  standing: 'new' | 'answered' | 'proven'
  before: Entry<S> | undefined
  after: Entry<S> | undefined
}

/** Times in milliseconds. */
export class UdpUsers<S> {
  idleMs: number
  readonly #maxUsers: number
  readonly #maxPerIp: number
  /** The socket gives one object per address, so that most packets need no key to be made. */
  readonly #byAddress = new Map<Address, Entry<S>>()
  readonly #byKey = new Map<string, Entry<S>>()
  readonly #perIp = new Map<string, number>()
  readonly #unproven = new AgeList<S>()
  readonly #proven = new AgeList<S>()
  #tokens = NEW_BURST
  #tokensAt = -Infinity
  #refused = 0

  constructor({ maxUsers, maxPerIp, idleMs }: UdpUsersOptions) {
    this.#maxUsers = maxUsers
    this.#maxPerIp = maxPerIp
    this.idleMs = idleMs
  }

  get size(): number {
    return this.#byKey.size
  }

  /** Packets of new users for whom there was no place. */
  get refused(): number {
    return this.#refused
  }

  values(): UdpUser<S>[] {
    return [...this.#byKey.values()]
  }

  /** A packet came from this address. Undefined for one that is not known. */
  handlePacket(address: Address, now: number): UdpUser<S> | undefined {
    let entry = this.#byAddress.get(address)
    if (entry === undefined) {
      entry = this.#byKey.get(formatAddress(address))
      if (entry === undefined) return undefined
      // The socket has forgotten him and made a new object.
      this.#byAddress.delete(entry.address)
      entry.address = address
      this.#byAddress.set(address, entry)
    }
    entry.at = now
    if (entry.standing === 'answered') {
      this.#unproven.remove(entry)
      entry.standing = 'proven'
      this.#proven.add(entry)
    } else this.#listOf(entry).renew(entry)
    return entry
  }

  /**
   * Gives an unknown address a place. `evicted` has lost his. Undefined: there is none, drop the
   * packet.
   */
  admit(
    address: Address,
    now: number,
  ): { readonly user: UdpUser<S>; readonly evicted: UdpUser<S> | undefined } | undefined {
    const ipKey = networkKey(address.ip)
    const ofIp = this.#perIp.get(ipKey) ?? 0
    const evicted = this.#byKey.size < this.#maxUsers ? undefined : this.#weakest(now)
    const hasPlace = evicted !== undefined || this.#byKey.size < this.#maxUsers
    if (!hasPlace || ofIp >= this.#maxPerIp || !this.#takeToken(now)) {
      this.#refused++
      return undefined
    }
    if (evicted !== undefined) this.remove(evicted)
    const user: Entry<S> = {
      address,
      key: formatAddress(address),
      session: undefined,
      ipKey,
      at: now,
      standing: 'new',
      before: undefined,
      after: undefined,
    }
    this.#byAddress.set(address, user)
    this.#byKey.set(user.key, user)
    this.#perIp.set(ipKey, (this.#perIp.get(ipKey) ?? 0) + 1)
    this.#unproven.add(user)
    return { user, evicted }
  }

  /** A packet went to the user. */
  handleAnswer(user: UdpUser<S>, now: number): void {
    // All users are entries of this table.
    const entry = user as Entry<S>
    entry.at = now
    if (entry.standing === 'new') entry.standing = 'answered'
    this.#listOf(entry).renew(entry)
  }

  remove(user: UdpUser<S>): void {
    const entry = user as Entry<S>
    if (this.#byKey.get(entry.key) !== entry) return
    this.#byKey.delete(entry.key)
    this.#byAddress.delete(entry.address)
    this.#listOf(entry).remove(entry)
    const left = (this.#perIp.get(entry.ipKey) ?? 1) - 1
    if (left > 0) this.#perIp.set(entry.ipKey, left)
    else this.#perIp.delete(entry.ipKey)
  }

  /** Takes out and gives the next user who has been silent too long. */
  poll(now: number): UdpUser<S> | undefined {
    for (const list of [this.#unproven, this.#proven]) {
      const { oldest } = list
      if (oldest === undefined || now - oldest.at < this.idleMs) continue
      this.remove(oldest)
      return oldest
    }
    return undefined
  }

  deadline(): number | undefined {
    const lists = [this.#unproven, this.#proven]
    const since = Math.min(...lists.map(({ oldest }) => oldest?.at ?? Infinity))
    return since === Infinity ? undefined : since + this.idleMs
  }

  #weakest(now: number): Entry<S> | undefined {
    const { oldest } = this.#unproven
    if (oldest !== undefined) return oldest
    const resting = this.#proven.oldest
    return resting !== undefined && now - resting.at >= RESTING_MS ? resting : undefined
  }

  #takeToken(now: number): boolean {
    const earned = ((now - this.#tokensAt) / 1000) * NEW_PER_SECOND
    this.#tokens = Math.min(NEW_BURST, this.#tokens + earned)
    this.#tokensAt = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  #listOf({ standing }: Entry<S>): AgeList<S> {
    return standing === 'proven' ? this.#proven : this.#unproven
  }
}

/**
 * Who was heard of longest ago comes first. Linked, because each packet moves its user to the end.
 */
class AgeList<S> {
  oldest: Entry<S> | undefined
  #newest: Entry<S> | undefined

  add(entry: Entry<S>): void {
    entry.before = this.#newest
    entry.after = undefined
    if (this.#newest === undefined) this.oldest = entry
    else this.#newest.after = entry
    this.#newest = entry
  }

  remove(entry: Entry<S>): void {
    const { before, after } = entry
    if (before === undefined) this.oldest = after
    else before.after = after
    if (after === undefined) this.#newest = before
    else after.before = before
    entry.before = undefined
    entry.after = undefined
  }

  renew(entry: Entry<S>): void {
    if (this.#newest === entry) return
    this.remove(entry)
    this.add(entry)
  }
}
