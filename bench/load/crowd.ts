// Load: a full game server. Many players, each with an address of his own, send at a fixed pace and
// are answered. They and the echo share one thread, which does nothing else meanwhile.

import { cpuSeconds } from '../usage.ts'
import type { CrowdRequest, CrowdResult } from './messages.ts'
import { ipv4, UdpBatch, waitFor } from './udp-batch.ts'

/** Of the first player; the next ones follow. Any address of 127/8 can be a source here. */
const FIRST_SOURCE: number = ipv4('127.10.0.1')
/** Packets of a player whose answers are waited for. */
const REMEMBERED = 64
const SAMPLES = 50_000

/** `echoFd` as in runVolley. */
export function runCrowd(request: CrowdRequest, echoFd: number | undefined): CrowdResult {
  const run = new CrowdRun(request, echoFd)
  try {
    return run.result()
  } finally {
    run.close()
  }
}

class CrowdRun {
  readonly #request: CrowdRequest
  readonly #to: { readonly ip: number; readonly port: number }
  readonly #service: UdpBatch
  readonly #user = UdpBatch.open()
  /** By player, then by number of his packet, modulo REMEMBERED; 0 = answered. */
  readonly #sentAt: Float64Array
  readonly #numbers: Uint32Array
  readonly #samplesMs = new Float64Array(SAMPLES)
  /** Those sent in it count. */
  #window = { from: Infinity, to: -Infinity }
  #sent = 0
  #answered = 0
  /** Kept: every n-th of the answers. */
  #stride = 1
  #kept = 0
  #now = performance.now()
  readonly #beganAt = this.#now
  /** Milliseconds of it that have been played. */
  #ticks = 0

  constructor(request: CrowdRequest, echoFd: number | undefined) {
    this.#request = request
    this.#to = { ip: ipv4(request.host), port: request.port }
    this.#service = new UdpBatch(echoFd)
    this.#sentAt = new Float64Array(request.players * REMEMBERED)
    this.#numbers = new Uint32Array(request.players)
    const expected = (request.players * request.perSecond * request.measureMs) / 1000
    this.#stride = Math.max(1, Math.ceil(expected / SAMPLES))
  }

  result(): CrowdResult {
    const { players, joinsPerSecond, warmUpMs, measureMs, drainMs, pids } = this.#request
    const joinedAt = this.#now + (players / joinsPerSecond) * 1000
    this.#play(joinedAt + warmUpMs)
    const dropsBefore = this.#drops()
    const cpuBefore = sum(pids.map(cpuSeconds))
    const from = this.#now
    this.#window = { from, to: from + measureMs }
    this.#play(from + measureMs)
    const cpu = sum(pids.map(cpuSeconds)) - cpuBefore
    this.#serve(this.#now + drainMs)
    return {
      sent: this.#sent,
      answered: this.#answered,
      droppedByLoad: this.#drops() - dropsBefore,
      samplesMs: this.#samplesMs.slice(0, this.#kept),
      cpuSeconds: cpu,
    }
  }

  close(): void {
    this.#user.close()
  }

  #drops(): number {
    return this.#user.drops + this.#service.drops
  }

  /** Each millisecond those players send whose turn it is. */
  #play(end: number): void {
    const { players, perSecond, joinsPerSecond } = this.#request
    const turns = Math.max(1, Math.round(1000 / perSecond))
    const joinsPerMs = joinsPerSecond / 1000
    while (this.#now < end) {
      if (this.#now >= this.#beganAt + this.#ticks) {
        const joined = Math.min(players, Math.floor(this.#ticks * joinsPerMs))
        for (let player = this.#ticks % turns; player < joined; player += turns) this.#send(player)
        this.#user.flush()
        this.#ticks++
      }
      this.#serve(Math.min(end, this.#beganAt + this.#ticks))
    }
  }

  /** Echoes and counts until then; once at least. */
  #serve(until: number): void {
    do {
      const waitMs = Math.max(0, until - this.#now)
      const [hasQuestions, hasAnswers] = waitFor([this.#service, this.#user], waitMs)
      if (hasQuestions === true) this.#service.echo()
      this.#now = performance.now()
      if (hasAnswers === true) this.#user.receive(payload => this.#handleAnswer(payload))
    } while (this.#now < until)
  }

  #send(player: number): void {
    const now = performance.now()
    const number = this.#numbers[player] ?? 0
    this.#numbers[player] = number + 1
    this.#sentAt[player * REMEMBERED + (number % REMEMBERED)] = now
    if (this.#isCounted(now)) this.#sent++
    const payload = this.#user.queue(this.#to, this.#request.payloadBytes, sourceOf(player))
    payload.writeUInt32LE(player, 0)
    payload.writeUInt32LE(number, 4)
  }

  #handleAnswer(payload: Buffer): void {
    const { players, payloadBytes } = this.#request
    if (payload.length !== payloadBytes) return
    const player = payload.readUInt32LE(0)
    const number = payload.readUInt32LE(4)
    const last = this.#numbers[player] ?? 0
    if (player >= players || number >= last || last - number > REMEMBERED) return
    const place = player * REMEMBERED + (number % REMEMBERED)
    const sentAt = this.#sentAt[place] ?? 0
    if (sentAt === 0) return
    this.#sentAt[place] = 0
    if (!this.#isCounted(sentAt)) return
    if (this.#answered++ % this.#stride !== 0 || this.#kept >= SAMPLES) return
    this.#samplesMs[this.#kept++] = this.#now - sentAt
  }

  #isCounted(sentAt: number): boolean {
    return sentAt >= this.#window.from && sentAt < this.#window.to
  }
}

/** No address ends in 0 or 255: some programs take those for networks. */
function sourceOf(player: number): number {
  return FIRST_SOURCE + Math.floor(player / 250) * 256 + (player % 250)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
