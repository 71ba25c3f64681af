// Finds out what kind of network this is, in one batch (nat-traversal.md §1.2): one round trip for
// all that is answered, a bounded wait for the rest. Sockets go by number: 0 is the real one, others
// are opened for this and closed at its end. What the answers mean: classify.ts. Sans-IO.

import { hostCandidates, type InterfaceAddress } from './candidates.ts'
import { classify, type Verdict } from './classify.ts'
import { FilterTest, type FilterTestOutput, type FilterTestReply } from './filter-test.ts'
import { HairpinTest } from './hairpin-test.ts'
import { canonicalIp, isSameAddress } from './ip.ts'
import { addressScope } from './scope.ts'
import { decodeStun, Transactions, type TransactionAnswer } from './stun/index.ts'
import type { Discovery, NatSample, ServerReport, StunServer } from './discovery.ts'
import type { Address } from '../lib/address.ts'
import type { Candidate } from './types.ts'

export interface DiscovererOptions {
  readonly servers: readonly StunServer[]
  /** The port of socket 0. */
  readonly localPort: number
  readonly interfaces: readonly InterfaceAddress[]
  /** So many bytes of chance. */
  readonly random: (bytes: number) => Uint8Array
  /** `mapping`: only what servers see of socket 0. */
  readonly tests: 'all' | 'mapping'
  readonly gatewayIp?: string | undefined
  /** No host candidates. */
  readonly hidesHosts?: boolean
}

export type DiscovererOutput =
  /** `send`, or `ask-filter-test`, which `handleFilterReply` answers. */
  | FilterTestOutput
  /** Answered by `handleSockets`. */
  | { readonly type: 'open-sockets'; readonly count: number }
  /** More is known of socket 0; `discovery` tells it. */
  | { readonly type: 'update' }
  /** The last one: throw-away sockets may be closed. */
  | { readonly type: 'done' }

/** A throw-away socket. */
export interface OpenedSocket {
  readonly number: number
  readonly port: number
}

/** Servers beyond these are not asked. */
const MAX_SERVERS = 8
/** For port allocation, in a row. */
const SAMPLE_SOCKETS = 16
/** Asked somewhat later, to see how fast others take ports. */
const LATE_SOCKETS = 2
const LATE_AFTER_MS = 300
/** Of the sample sockets so many ask a second address, too: whether all sockets fare alike. */
const VOTERS = 2
/** More voters where they disagree: some mobile NATs keep one mapping among several. */
const MAX_REROLLS = 3
/** Since the first answer: how long others are waited for where little depends on them. */
const GRACE_MS = 500
const GRACE_ROUND_TRIPS = 3

interface Question {
  readonly order: number
  readonly socket: number
  readonly server: Address
  readonly sentAt: number
}

interface Server {
  readonly spec: StunServer
  report: ServerReport
}

/** After each `handle…`: poll until undefined, then wait for the deadline. Milliseconds. */
export class Discoverer {
  readonly #options: DiscovererOptions
  readonly #servers: readonly Server[]
  readonly #startedAt: number
  readonly #transactions: Transactions
  readonly #open = new Map<string, Question>()
  readonly #answered: { readonly question: Question; readonly mapped: Address; at: number }[] = []
  readonly #localPorts = new Map<number, number>()
  readonly #filter: FilterTest
  readonly #hairpin: HairpinTest
  readonly #outputs: DiscovererOutput[] = []
  /** The IPv4 server that throw-away sockets ask. */
  #base: Server | undefined
  #order = 0
  #samplers: readonly number[] = []
  #voters: number[] = []
  #late: readonly number[] = []
  #isLateDue: boolean
  #rerolls = 0
  #isOpening = false
  #firstAnswerAt: number | undefined
  #rttMs: number | undefined
  #endedAt: number | undefined
  #latest: Verdict | undefined

  constructor(options: DiscovererOptions, now: number) {
    this.#options = options
    this.#startedAt = now
    const { random, localPort, tests } = options
    this.#transactions = new Transactions({ random })
    this.#servers = options.servers
      .slice(0, MAX_SERVERS)
      .map(spec => ({ spec, report: emptyReport(spec) }))
    const usable = this.#servers.filter(({ spec }) => isIpv4(spec.address))
    this.#base = usable.find(({ spec }) => spec.hasFilterTest) ?? usable[0]
    this.#filter = new FilterTest({ random, server: this.#base?.spec })
    this.#hairpin = new HairpinTest({ random })
    this.#localPorts.set(0, localPort)
    for (const { spec, report } of this.#servers) {
      this.#ask(0, spec.address, now)
      if (report.other) this.#ask(0, report.other, now)
    }
    this.#isLateDue = tests === 'all' && this.#base !== undefined
    if (this.#isLateDue) this.#openSockets(1 + SAMPLE_SOCKETS + LATE_SOCKETS)
  }

  /** What was opened, perhaps fewer; they have sent nothing yet. */
  handleSockets(sockets: readonly OpenedSocket[], now: number): void {
    if (!this.#isOpening) return
    this.#isOpening = false
    for (const { number, port } of sockets) this.#localPorts.set(number, port)
    const numbers = sockets.map(({ number }) => number)
    const base = this.#base?.spec.address
    if (base === undefined) return
    if (this.#rerolls > 0) {
      for (const number of numbers) this.#ask(number, base, now)
      this.#vote(numbers, now)
      return
    }
    const [filter, ...others] = numbers
    if (filter !== undefined) this.#filter.begin(filter, now)
    this.#samplers = others.slice(0, SAMPLE_SOCKETS)
    this.#late = others.slice(SAMPLE_SOCKETS)
    for (const number of this.#samplers) this.#ask(number, base, now)
    this.#vote(this.#samplers.slice(0, VOTERS), now)
  }

  /** `reply` undefined: frps cannot do it. */
  handleFilterReply(reply: FilterTestReply | undefined, now: number): void {
    this.#filter.handleReply(reply, now)
  }

  /** True when it was ours. */
  handleDatagram(socket: number, data: Buffer, from: Address, now: number): boolean {
    const message = decodeStun(data)
    if (message === undefined) return false
    return (
      this.#hairpin.handleMessage(socket, message) ||
      this.#filter.handleMessage(socket, message, from, now) ||
      this.#transactions.handleMessage(socket, message, from, now)
    )
  }

  poll(now: number): DiscovererOutput | undefined {
    if (this.#endedAt !== undefined) return undefined
    for (;;) {
      const output = this.#next(now)
      if (output) return output
      // Each of these may have made work for the ones above.
      if (this.#askLate(now) || this.#reroll() || this.#beginHairpin(now)) continue
      if (!this.#isSettled(now)) return undefined
      this.#endedAt = now
      return { type: 'done' }
    }
  }

  deadline(): number | undefined {
    if (this.#endedAt !== undefined) return undefined
    const tests = [this.#filter.deadline(), this.#hairpin.deadline(), this.#lateAt()]
    const isTesting = this.#isOpening || tests.some(at => at !== undefined)
    // While more is to come, the end of the grace is nothing to wake up for.
    const graceAt = isTesting || this.#needsMore() ? undefined : this.#graceAt()
    const set = [this.#transactions.deadline(), ...tests, graceAt].filter(at => at !== undefined)
    return set.length === 0 ? undefined : Math.min(...set)
  }

  /** What is known now. */
  discovery(now: number): Discovery {
    const { profile, confidence } = this.#verdict()
    const asksIpv6 = this.#servers.some(({ spec }) => !isIpv4(spec.address))
    return {
      profile: { ...profile, ipv6: profile.ipv6 || (!asksIpv6 && this.#hasGlobalIpv6()) },
      confidence,
      candidates: this.#candidates(),
      servers: this.#servers.map(({ report }) => report),
      samples: this.#samples(),
      rttMs: this.#rttMs,
      tookMs: (this.#endedAt ?? now) - this.#startedAt,
    }
  }

  #next(now: number): DiscovererOutput | undefined {
    for (;;) {
      const ready = this.#outputs.shift() ?? this.#filter.poll(now) ?? this.#hairpin.poll(now)
      if (ready) return ready
      const output = this.#transactions.poll(now)
      if (output === undefined) return undefined
      if (output.type === 'send') {
        const { socket, to, data } = output
        return { type: 'send', socket, to, data }
      }
      const question = this.#open.get(output.id)
      this.#open.delete(output.id)
      if (question === undefined) continue
      if (output.type === 'answer') this.#handleAnswer(question, output, now)
      else if (question.socket === 0) this.#handleFailure(question.server, output.reason)
    }
  }

  #openSockets(count: number): void {
    this.#isOpening = true
    this.#outputs.push({ type: 'open-sockets', count })
  }

  #ask(socket: number, server: Address, now: number): void {
    const id = this.#transactions.start({ socket, to: server }, now)
    this.#open.set(id, { order: this.#order++, socket, server, sentAt: now })
  }

  /** Asks the sockets what the base cannot tell alone. */
  #vote(sockets: readonly number[], now: number): void {
    this.#voters.push(...sockets)
    const places = this.#servers
      .filter(({ spec }) => isIpv4(spec.address))
      .flatMap(({ spec, report }) => [spec.address, ...(report.other ? [report.other] : [])])
      .filter(place => !this.#base || !isSameAddress(place, this.#base.spec.address))
    for (const socket of sockets) {
      for (const place of places.slice(0, 3)) this.#ask(socket, place, now)
    }
  }

  #handleAnswer(question: Question, answer: TransactionAnswer, now: number): void {
    const { mapped, at, rttMs } = answer
    this.#answered.push({ question, mapped, at })
    this.#latest = undefined
    this.#firstAnswerAt ??= now
    this.#rttMs = Math.min(this.#rttMs ?? Infinity, rttMs)
    this.#filter.handleRoundTrip(this.#rttMs)
    if (question.socket !== 0) return
    for (const server of this.#servers) this.#report(server, answer, now)
    this.#outputs.push({ type: 'update' })
  }

  #report(server: Server, answer: TransactionAnswer, now: number): void {
    const { server: asked, mapped, other, rttMs } = answer
    const { spec, report } = server
    if (report.other && isSameAddress(asked, report.other)) {
      server.report = { ...report, mappedAtOther: mapped }
      return
    }
    if (!isSameAddress(asked, spec.address)) return
    server.report = { ...report, mapped, rttMs }
    if (report.other || !other || !isUsableOther(spec.address, other)) return
    server.report = { ...server.report, other }
    // Known as a second address of another server, it is asked already.
    if (this.#isAsked(0, other)) return
    this.#ask(0, other, now)
    if (!isIpv4(other)) return
    for (const voter of this.#voters.slice(0, VOTERS)) this.#ask(voter, other, now)
  }

  #isAsked(socket: number, place: Address): boolean {
    const questions = [...this.#open.values(), ...this.#answered.map(({ question }) => question)]
    return questions.some(one => one.socket === socket && isSameAddress(one.server, place))
  }

  #handleFailure(asked: Address, problem: string): void {
    for (const server of this.#servers) {
      if (isSameAddress(asked, server.spec.address)) server.report = { ...server.report, problem }
    }
  }

  /** Two more mappings after a while, where the next port is foreseeable. */
  #askLate(now: number): boolean {
    const at = this.#lateAt()
    if (at === undefined) return false
    if (now < at) {
      // Of ports that cannot be foreseen there is nothing more to learn.
      this.#isLateDue = !this.#isSampled() || this.#sampled().profile.ports?.type === 'sequential'
      return false
    }
    this.#isLateDue = false
    const answering = this.#servers.find(
      ({ spec, report }) => report.mapped && isIpv4(spec.address),
    )
    if (answering && this.#base?.report.mapped === undefined) {
      // Who was to tell about the samples does not answer; another server does.
      this.#base = answering
      for (const number of this.#samplers) this.#ask(number, answering.spec.address, now)
      return true
    }
    const { ports } = this.#sampled().profile
    if (this.#base === undefined || ports?.type !== 'sequential') return false
    for (const number of this.#late) this.#ask(number, this.#base.spec.address, now)
    return true
  }

  #lateAt(): number | undefined {
    if (!this.#isLateDue || this.#isOpening || this.#firstAnswerAt === undefined) return undefined
    return Math.max(this.#startedAt + LATE_AFTER_MS, this.#firstAnswerAt)
  }

  /** Every socket that was to tell about ports has its answer. */
  #isSampled(): boolean {
    if (this.#samplers.length === 0 || this.#base?.report.mapped === undefined) return false
    return ![...this.#open.values()].some(({ socket }) => this.#samplers.includes(socket))
  }

  #reroll(): boolean {
    if (this.#rerolls >= MAX_REROLLS || this.#isOpening || this.#isLateDue) return false
    const isVoting = [...this.#open.values()].some(({ socket }) => this.#voters.includes(socket))
    if (isVoting || this.#voters.length === 0 || !this.#sampled().isDisputed) return false
    this.#rerolls++
    this.#openSockets(VOTERS)
    return true
  }

  /** Where a socket has one mapping for all, two of them can find out about it. */
  #beginHairpin(now: number): boolean {
    if (this.#hairpin.isBegun || this.#samplers.length === 0) return false
    if (this.#sampled().profile.mapping !== 'endpoint-independent') return false
    const seen = this.#samples().filter(({ mapped }) => isIpv4(mapped))
    const own = seen.find(({ socket }) => socket === 0)
    const other = seen.findLast(({ socket }) => this.#samplers.includes(socket))
    if (own === undefined || other === undefined) return false
    this.#hairpin.begin(own, other, now)
    return true
  }

  #isSettled(now: number): boolean {
    if (this.#isOpening || this.#filter.deadline() !== undefined) return false
    if (this.#hairpin.deadline() !== undefined || this.#lateAt() !== undefined) return false
    if (this.#open.size === 0) return true
    const graceAt = this.#graceAt()
    return graceAt !== undefined && now >= graceAt && !this.#needsMore()
  }

  #graceAt(): number | undefined {
    if (this.#firstAnswerAt === undefined) return undefined
    return this.#firstAnswerAt + Math.max(GRACE_MS, GRACE_ROUND_TRIPS * (this.#rttMs ?? 0))
  }

  /** The mapping of socket 0 is not known, and it may come. */
  #needsMore(): boolean {
    if (this.#firstAnswerAt === undefined) return true
    const isOpen = [...this.#open.values()].some(({ socket }) => socket === 0)
    const places = this.#answered.filter(({ question }) => question.socket === 0)
    return isOpen && places.length < 2
  }

  #samples(): NatSample[] {
    return this.#answered
      .map(({ question, mapped, at }) => ({ ...question, mapped, at }))
      .sort((one, other) => one.order - other.order)
      .map(({ socket, server, mapped, sentAt, at }) => {
        const localPort = this.#localPorts.get(socket) ?? 0
        return { socket, localPort, server, mapped, sentAt, at }
      })
  }

  /** Of the samples; the other tests may have gone on since. */
  #sampled(): Verdict {
    this.#latest ??= this.#verdict()
    return this.#latest
  }

  #verdict(): Verdict {
    return classify({
      samples: this.#samples(),
      filter: this.#filter.evidence(),
      hairpin: this.#hairpin.result,
      localIps: this.#options.interfaces.map(({ ip }) => ip),
      gatewayIp: this.#options.gatewayIp,
    })
  }

  #candidates(): Candidate[] {
    const { interfaces, localPort, hidesHosts = false } = this.#options
    const hosts = hidesHosts ? [] : hostCandidates(interfaces, localPort)
    const seen = this.#answered
      .filter(({ question }) => question.socket === 0)
      .map(({ mapped }) => ({ ip: canonicalIp(mapped.ip), port: mapped.port }))
    const found: Candidate[] = [...hosts]
    for (const address of seen) {
      if (found.some(known => isSameAddress(known.address, address))) continue
      found.push({ type: 'srflx', address })
    }
    return found
  }

  #hasGlobalIpv6(): boolean {
    return this.#options.interfaces.some(
      ({ ip }) => ip.includes(':') && addressScope(ip) === 'global',
    )
  }
}

function emptyReport({ address, otherPort }: StunServer): ServerReport {
  return {
    server: address,
    mapped: undefined,
    rttMs: undefined,
    other: otherPort === undefined ? undefined : { ip: address.ip, port: otherPort },
    mappedAtOther: undefined,
    problem: undefined,
  }
}

/** A server may name any address: only one of its own kind is asked, and not itself. */
function isUsableOther(server: Address, other: Address): boolean {
  if (isSameAddress(server, other) || isIpv4(server) !== isIpv4(other)) return false
  const scope = addressScope(other.ip)
  return scope !== 'unusable' && (scope === 'global' || scope === addressScope(server.ip))
}

function isIpv4({ ip }: Address): boolean {
  return !ip.includes(':')
}
