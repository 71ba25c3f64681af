// Brings the messages of frp's hole punching to the rendezvous and from it to the clients, and
// tells owners of their visitors on a work stream. A shell: lib/nathole/rendezvous.ts decides.

import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { Alarm } from '../control/alarm.ts'
import { errorDetail } from '../errors.ts'
import type { Logger } from '../log.ts'
import {
  type HoleDoor,
  type HoleIntroduction,
  type HoleParty,
  Rendezvous,
} from '../nathole/index.ts'
import type { OpenDoor, WorkStream } from '../proxy/host.ts'
import { encodeMessage } from '../wire/codec.ts'
import type { Message, OutgoingMessage } from '../wire/messages.ts'
import { inLog } from './refusal.ts'

/** A client that is logged in. */
export interface NatHoleParty extends HoleParty {
  send(message: OutgoingMessage): void
}

type Door = HoleDoor<NatHoleParty>
type OpenWorkStream = (options: { readonly signal: AbortSignal }) => Promise<WorkStream>

export interface NatHolesOptions {
  readonly clock: Clock
  readonly log: Logger
  /** How long it is remembered which way of opening a hole worked. */
  readonly reserveMs: number
}

/** The owner closes the stream when he has read it; if not, we do. */
const STREAM_LIFE_MS = 10_000

export class NatHoles {
  readonly #options: NatHolesOptions
  readonly #rendezvous: Rendezvous<NatHoleParty>
  readonly #alarm: Alarm
  readonly #openers = new WeakMap<Door, OpenWorkStream>()

  constructor(options: NatHolesOptions) {
    this.#options = options
    this.#rendezvous = new Rendezvous({ reserveMs: options.reserveMs, newSid })
    this.#alarm = new Alarm(options.clock, () => this.#drain())
  }

  /** `openWorkStream`: to the owner, StartWorkConn written. */
  open(door: Door, openWorkStream: OpenWorkStream): OpenDoor {
    this.#openers.set(door, openWorkStream)
    this.#rendezvous.open(door)
    return { close: () => this.#rendezvous.close(door) }
  }

  /** True when the message was for the rendezvous. */
  receive(message: Message, party: NatHoleParty): boolean {
    const now = this.#options.clock.now()
    switch (message.type) {
      case 'NatHoleVisitor': {
        const unixSeconds = Math.floor(Date.now() / 1_000)
        this.#rendezvous.handleVisitor(message, party, { now, unixSeconds })
        break
      }
      case 'NatHoleClient':
        this.#rendezvous.handleClient(message, party, now)
        break
      case 'NatHoleReport':
        this.#rendezvous.handleReport(message, party, now)
        break
      default:
        return false
    }
    this.#drain()
    return true
  }

  /** The client has left. */
  handleGone(party: NatHoleParty): void {
    this.#rendezvous.handleGone(party)
    this.#drain()
  }

  #drain(): void {
    const { clock, log } = this.#options
    for (;;) {
      const output = this.#rendezvous.poll(clock.now())
      if (output === undefined) break
      switch (output.type) {
        case 'send':
          output.to.send(output.message)
          break
        case 'introduce':
          void this.#introduce(output.door, output.visit)
          break
        case 'refused':
          log.warn(`handle visitorMsg error: ${inLog(output.reason)}`)
          break
        case 'paired':
          log.debug(`sid [${output.sid}] ${output.text}`)
          break
        case 'reported': {
          const { sid, isSuccess, mode, index } = output
          const way = `mode ${mode}, index ${index}`
          log.info(`sid [${sid}] report make hole success: ${isSuccess}, ${way}`)
          break
        }
        default:
          output satisfies never
      }
    }
    this.#alarm.set(this.#rendezvous.deadline())
  }

  async #introduce(door: Door, { sid, ...visit }: HoleIntroduction): Promise<void> {
    const { clock, log } = this.#options
    const open = this.#openers.get(door)
    if (open === undefined) return
    try {
      // Waiting for a work stream has its own end (userConnTimeout); nobody leaves before.
      const { stream } = await open({ signal: new AbortController().signal })
      // What goes wrong here ends at the visitor's own time-out.
      stream.on('error', ignore)
      const cancel = clock.after(STREAM_LIFE_MS, () => stream.destroy())
      stream.once('close', cancel)
      const quicfrp = door.ownerChecks ? visit : undefined
      stream.end(encodeMessage({ type: 'NatHoleSid', sid, quicfrp }))
      stream.resume()
    } catch (error) {
      log.warn(`no word to the owner of [${door.name}]: ${errorDetail(error)}`)
    }
  }
}

/** As frp makes them: the seconds of the wall clock and 16 hex digits. */
function newSid(): string {
  return `${Math.floor(Date.now() / 1_000)}${randomBytes(8).toString('hex')}`
}

function ignore(): void {}
