// Sans-IO. One attempt to reach the server when no transport is prescribed (`transport.protocol`
// not set): which way is dialled when, which one is taken, and what is remembered for the next
// attempt.
//
// - The preferred way starts at once; the other one follows after a head start, or at once when
//   the first has failed. Nothing known: QUIC, 250 ms. Something remembered: that way, 1 s, since
//   the other is then only insurance.
// - The first one established carries the session. The loser is not needed, but what it would
//   have told is: a QUIC whose first packet was lost (retransmitted after 1 s) loses against TCP
//   although nothing is wrong with QUIC. So a losing QUIC may finish its handshake; if it does, it
//   is closed and remembered as the winner, and the next session prefers it. The running session
//   stays on TCP: moving it would cut the users' connections, which are what the tunnel is for. A
//   losing TCP teaches nothing and is dropped at once.
// - TCP refused while QUIC is silent is what a restarting server looks like: QUIC cannot hear the
//   refusal. TCP then knocks again every 500 ms as long as QUIC is waited for, and QUIC is waited
//   for 1.3 s from its start: its first packet is sent again after 1 s, and an answer to that one
//   can still come. Whoever mistyped the port learns it then, and not seconds later.

export type RaceWay = 'quic' | 'tcp'

export type RaceOutput =
  | { readonly type: 'dial'; readonly way: RaceWay }
  /** Use its session. */
  | { readonly type: 'won'; readonly way: RaceWay }
  /** Abort its dial, or close the session it brought too late. */
  | { readonly type: 'drop'; readonly way: RaceWay }
  /** Every way has failed. */
  | { readonly type: 'failed' }

const HEAD_START_MS = 250
const REMEMBERED_HEAD_START_MS = 1_000
const TCP_AGAIN_MS = 500
const QUIC_ALONE_MS = 1_300

/** What the last races taught, for one network. Lives as long as the client. */
export class RaceMemory {
  #winner: RaceWay | undefined
  #network = ''

  /** The way to prefer in this network (any text that names it), or undefined. */
  recall(network: string): RaceWay | undefined {
    return network === this.#network ? this.#winner : undefined
  }

  learn(winner: RaceWay, network: string): void {
    this.#winner = winner
    this.#network = network
  }
}

type WayState = 'waiting' | 'dialling' | 'failed' | 'over'

/**
 * One attempt. Its driver reports how each dial ends, and drains poll() after that. Times in
 * milliseconds.
 */
export class Race {
  readonly #ways: Record<RaceWay, WayState> = { quic: 'waiting', tcp: 'waiting' }
  readonly #startAt: Record<RaceWay, number>
  readonly #learn: (winner: RaceWay) => void
  #quicEndsAt = Infinity
  #result: 'none' | 'won' | 'failed' = 'none'
  #outputs: RaceOutput[] = []

  /** `learn` is called with the way to remember, once or (late QUIC) twice. */
  constructor(
    options: {
      readonly remembered: RaceWay | undefined
      readonly learn: (winner: RaceWay) => void
    },
    now: number,
  ) {
    this.#learn = options.learn
    const first = options.remembered ?? 'quic'
    const headStartMs = options.remembered ? REMEMBERED_HEAD_START_MS : HEAD_START_MS
    const second = now + headStartMs
    this.#startAt = first === 'quic' ? { quic: now, tcp: second } : { tcp: now, quic: second }
  }

  /** The dial of this way brought a session. */
  handleEstablished(way: RaceWay): void {
    if (this.#ways[way] !== 'dialling') return
    this.#ways[way] = 'over'
    if (this.#result !== 'none') {
      if (way === 'quic') this.#learn('quic')
      this.#outputs.push({ type: 'drop', way })
      return
    }
    this.#result = 'won'
    this.#learn(way)
    this.#outputs.push({ type: 'won', way })
    this.#retire(way === 'quic' ? 'tcp' : 'quic')
  }

  /**
   * The dial of this way has failed. `forGood`: it cannot work in this process, so nobody waits for
   * it.
   */
  handleFailed(way: RaceWay, now: number, { forGood = false }: { forGood?: boolean } = {}): void {
    if (this.#ways[way] !== 'dialling') return
    this.#ways[way] = forGood ? 'over' : 'failed'
    if (this.#result !== 'none') return
    const other = way === 'quic' ? 'tcp' : 'quic'
    if (this.#ways[other] === 'waiting') this.#startAt[other] = Math.min(this.#startAt[other], now)
    if (this.#isSpent(way) && this.#isSpent(other)) this.#fail()
    else if (way === 'tcp') this.#startAt.tcp = now + TCP_AGAIN_MS
  }

  poll(now: number): RaceOutput | undefined {
    this.#handleTime(now)
    return this.#outputs.shift()
  }

  deadline(): number | undefined {
    if (this.#result !== 'none') return undefined
    let at = Infinity
    if (this.#isDue('quic')) at = Math.min(at, this.#startAt.quic)
    if (this.#isDue('tcp')) at = Math.min(at, this.#startAt.tcp)
    if (this.#quicWaits()) at = Math.min(at, this.#quicEndsAt)
    return at === Infinity ? undefined : at
  }

  #handleTime(now: number): void {
    if (this.#result !== 'none') return
    if (this.#quicWaits() && now >= this.#quicEndsAt) {
      this.#ways.quic = 'over'
      this.#outputs.push({ type: 'drop', way: 'quic' })
      this.#fail()
      return
    }
    for (const way of ['quic', 'tcp'] as const) {
      if (!this.#isDue(way) || now < this.#startAt[way]) continue
      this.#ways[way] = 'dialling'
      if (way === 'quic') this.#quicEndsAt = now + QUIC_ALONE_MS
      this.#outputs.push({ type: 'dial', way })
    }
  }

  /** To be dialled later: not yet tried, or a refused TCP beside a silent QUIC. */
  #isDue(way: RaceWay): boolean {
    return this.#ways[way] === 'waiting' || (way === 'tcp' && this.#quicWaits())
  }

  /** QUIC has not answered and TCP has been refused. */
  #quicWaits(): boolean {
    return this.#ways.quic === 'dialling' && this.#ways.tcp === 'failed'
  }

  #isSpent(way: RaceWay): boolean {
    return this.#ways[way] === 'failed' || this.#ways[way] === 'over'
  }

  #retire(way: RaceWay): void {
    const state = this.#ways[way]
    if (state === 'dialling' && way === 'quic') return
    this.#ways[way] = 'over'
    if (state === 'dialling') this.#outputs.push({ type: 'drop', way })
  }

  #fail(): void {
    this.#result = 'failed'
    this.#outputs.push({ type: 'failed' })
  }
}
