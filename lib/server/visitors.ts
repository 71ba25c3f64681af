// The doors of all secret proxies of the server, and the exchange with each visitor until he is a
// user of one of them. A shell: who may come in is decided in visitor-door.ts. Messages: frp-wire.md
// section 6.6.

import { randomInt } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { OpenDoor, UserConnection, Visit } from '../proxy/host.ts'
import { layerStream } from '../stream/layers.ts'
import type { Session, Stream } from '../transport/transport.ts'
import type { MessageChannel } from '../wire/channel.ts'
import { deriveKey } from '../wire/cipher.ts'
import { encodeMessage } from '../wire/codec.ts'
import type { NewVisitorConn, VisitorAnswer } from '../wire/messages.ts'
import { priorityNamed } from './priority.ts'
import { inLog } from './refusal.ts'
import { admit, type Verdict, type Visited } from './visitor-door.ts'

export interface VisitorsOptions {
  readonly clock: Clock
  readonly log: Logger
  /** What a visitor reads: the reason, or less (detailedErrorsToClient). */
  readonly errorForVisitor: (reason: string) => string
}

/** One NewVisitorConn and where it came from. */
export interface VisitorConnection {
  readonly session: Session
  readonly channel: MessageChannel
  readonly message: NewVisitorConn
  /** Of the client with the run id in the message; undefined when there is none. */
  readonly client: VisitorClient | undefined
}

export interface VisitorClient {
  readonly user: string
  /** What it and we can do. */
  agreesOn(feature: string): boolean
}

interface Door {
  visited: Visited
  readonly onUser: (user: UserConnection) => void
  /** IP address of the owner. */
  readonly observed: () => string
}

/** How long a visitor whose stream ends may take to read why. */
const READ_ANSWER_MS = 1_000
/** For the second message of a visitor of ours. */
const ANSWER_TIMEOUT_MS = 10_000
const MAX_REASON = 1_024

export class Visitors {
  readonly #options: VisitorsOptions
  readonly #doors = new Map<string, Door>()

  constructor(options: VisitorsOptions) {
    this.#options = options
  }

  /** The name is free: names of proxies are unique on a server. `observed`: the owner's IP. */
  open(
    visited: Visited,
    onUser: (user: UserConnection) => void,
    observed: () => string,
  ): OpenDoor {
    const door = { visited, onUser, observed }
    this.#doors.set(visited.name, door)
    return {
      close: () => {
        if (this.#doors.get(visited.name) === door) this.#doors.delete(visited.name)
      },
    }
  }

  /** The owner has a new prekey. Only one that brought a prekey can change it. */
  renew(name: string, owner: string, prekey: string): void {
    const door = this.#doors.get(name)
    if (door === undefined || door.visited.owner !== owner || door.visited.prekey === '') return
    door.visited = { ...door.visited, prekey }
  }

  /** Resolves with true unless the visitor was refused. Rejects as the channel's reads do. */
  async receive({ session, channel, message, client }: VisitorConnection): Promise<boolean> {
    const { proxy_name: name } = message
    if (client === undefined) {
      this.#refuse(channel, name, `no client control found for run id [${message.run_id}]`)
      return false
    }
    const isOwn = client.agreesOn('visitor-e2e')
    const { user } = client
    const first = { message, user, isOwn, challenge: undefined }
    let verdict = admit(this.#doors.get(name)?.visited, first)
    if (verdict.type === 'challenge') {
      const challenge = randomInt(1, 2 ** 47)
      send(channel, name, { prekey: '', challenge, use_compression: false })
      const { quicfrp: offer } = message
      // What comes next is sealed for an owner of ours, who is gone.
      if (offer?.early === true && offer.prekey !== '') {
        channel.close('the owner is a real one', READ_ANSWER_MS)
        return true
      }
      const options = { timeoutMs: ANSWER_TIMEOUT_MS }
      const again = await channel.readExpected('NewVisitorConn', options)
      // The first message said which proxy and whose visitor it is.
      const second = { ...again, proxy_name: name }
      verdict = admit(this.#doors.get(name)?.visited, { ...first, message: second, challenge })
    }
    const door = this.#doors.get(name)
    if (verdict.type === 'refuse' || verdict.type === 'challenge' || door === undefined) {
      this.#refuse(channel, name, verdict.type === 'refuse' ? verdict.reason : 'try again')
      return false
    }
    if (verdict.type === 'other-prekey') {
      send(channel, name, verdict.answer)
      channel.close('the owner has another prekey', READ_ANSWER_MS)
      return true
    }
    const told =
      verdict.type === 'end-to-end'
        ? { ...verdict, answer: { ...verdict.answer, observed: door.observed() } }
        : verdict
    door.onUser(this.#userOf({ session, channel, message, client }, told))
    return true
  }

  #userOf(
    { session, channel, message, client }: VisitorConnection,
    verdict: Exclude<Verdict, { type: 'refuse' | 'challenge' | 'other-prekey' }>,
  ): UserConnection {
    const halfClose = client?.agreesOn('half-close') === true
    const hasDatagrams = client?.agreesOn('datagrams') === true && session.datagrams !== undefined
    const from = { remote: session.remoteAddress, local: session.localAddress }
    const { proxy_name: name, use_encryption, use_compression } = message
    if (verdict.type !== 'owner-checks') {
      send(channel, name, verdict.type === 'end-to-end' ? verdict.answer : undefined)
    }
    const stream: Stream = channel.detach()
    // A word that is none changes nothing: he is in already.
    stream.setPriority?.(priorityNamed(message.quicfrp?.priority ?? '') ?? 'auto')
    // Until it has its next owner, an error of it belongs to nobody; 'close' tells the same.
    stream.on('error', ignore)
    switch (verdict.type) {
      case 'checked': {
        const encryptionKey = use_encryption ? deriveKey(verdict.sk) : undefined
        const plain = layerStream(stream, { encryptionKey, compression: use_compression })
        return { ...from, stream: plain, visit: { halfClose, isEndToEnd: false } }
      }
      case 'owner-checks': {
        const { introduction } = verdict
        const refuse = (reason: string): void => this.#refuseStream(stream, name, reason)
        const visit: Visit = { halfClose, introduction, isEndToEnd: false, refuse }
        return { ...from, stream, visit }
      }
      case 'end-to-end': {
        const { introduction } = verdict
        const datagrams = hasDatagrams ? session : undefined
        return { ...from, stream, visit: { halfClose, introduction, isEndToEnd: true, datagrams } }
      }
    }
  }

  #refuse(channel: MessageChannel, name: string, reason: string): void {
    this.#options.log.warn(`register visitor conn error: ${inLog(reason)}`)
    const error = this.#options.errorForVisitor(reason).slice(0, MAX_REASON)
    channel.send({ type: 'NewVisitorConnResp', proxy_name: name.slice(0, MAX_REASON), error })
    channel.close('visitor refused', READ_ANSWER_MS)
  }

  /** The same once the channel is gone. */
  #refuseStream(stream: Duplex, name: string, reason: string): void {
    if (stream.destroyed) return
    const cancel = this.#options.clock.after(READ_ANSWER_MS, () => stream.destroy())
    stream.once('close', cancel)
    const error = this.#options.errorForVisitor(reason).slice(0, MAX_REASON)
    stream.end(encodeMessage({ type: 'NewVisitorConnResp', proxy_name: name, error }))
    stream.resume()
  }
}

function send(channel: MessageChannel, name: string, answer: VisitorAnswer | undefined): void {
  channel.send({ type: 'NewVisitorConnResp', proxy_name: name, quicfrp: answer })
}

function ignore(): void {}
