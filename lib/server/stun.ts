// The STUN server inside frps, so that nobody needs a public one: on the UDP port of QUIC, on one
// beside it and, where there is one, on a second address. A shell around the responder of nat/stun,
// which decides who gets an answer and what is in it.

import { isIP } from 'node:net'
import {
  isStun,
  RateLimit,
  Responder,
  STUN_HEADER_BYTES,
  type ResponderOutput,
  type StunSocket,
} from '../../nat/stun/index.ts'
import { formatAddress, isWildcard, plainIp, type Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { ServerConfig } from '../config/index.ts'
import { errorText, systemCode } from '../errors.ts'
import { interfaceAddresses } from '../interfaces.ts'
import type { Logger } from '../log.ts'
import { openPlainSocket, type UdpSocket } from '../udp/index.ts'
import type { ServerExtension, StunTest, StunTestResp } from '../wire/messages.ts'
import { addressTowards, versionOf, type OwnAddress } from './public-address.ts'

export interface StunServiceOptions {
  readonly config: ServerConfig
  readonly clock: Clock
  readonly log: Logger
}

/** What LoginResp tells of it. */
export type StunPorts = Pick<
  ServerExtension,
  'stun_port' | 'stun_second_port' | 'stun_other_ip' | 'stun_other_port'
>

/** How long the transaction of a test is waited for; it may be lost on its way. */
const TEST_MS = 1_000
/** Of one session; a discovery asks three times. */
const TESTS = { perSecond: 4, burst: 12 }
/** Interfaces change seldom, and strangers make us look. */
const LOOK_EVERY_MS = 10_000

export class StunService {
  readonly #options: StunServiceOptions
  readonly #responder: Responder
  readonly #tests = new RateLimit(TESTS)
  readonly #sockets = new Map<StunSocket, UdpSocket>()
  /** Sessions of clients, by IP. */
  readonly #clients = new Map<string, number>()
  readonly #waiting = new Map<string, () => void>()
  #dialled: { 4: string | undefined; 6: string | undefined } = { 4: undefined, 6: undefined }
  #own: readonly OwnAddress[] = []
  #ownAt = -Infinity
  #firstPort: number | undefined
  #isClosed = false

  constructor(options: StunServiceOptions) {
    this.#options = options
    this.#responder = new Responder({
      otherAddress: (socket, from) => this.#otherAddress(socket, from),
      isKnown: ip => this.#clients.has(ip),
    })
  }

  /**
   * Opens the other sockets beside QUIC's. What cannot be opened is logged and left out. Without
   * QUIC there is no STUN.
   */
  async start(quic: Address | undefined): Promise<void> {
    const { config, log } = this.#options
    if (config.stunPort < 0 || quic === undefined) return
    this.#firstPort = quic.port
    const ip = isWildcard(config.bindAddr) ? quic.ip : config.bindAddr
    const wanted = config.stunPort || (config.bindPort === 0 ? 0 : quic.port + 1)
    const key = config.stunPort === 0 ? 'stunPort' : `stunPort = ${config.stunPort}`
    const second = await this.#open('second', { ip, port: wanted > 65_535 ? 0 : wanted })
    if (second !== undefined) {
      log.warn(`STUN has one port only, so that real frpc cannot use it (${key}): ${second}`)
    }
    // Nobody is told of this one, so any will do.
    await this.#open('third', { ip, port: 0 })
    if (config.stunOtherAddr !== '') {
      const port = wanted === 0 ? 0 : wanted + 1
      const other = await this.#open('other', { ip: config.stunOtherAddr, port })
      if (other !== undefined) log.warn(`stunOtherAddr is not used: ${other}`)
    }
    if (this.#isClosed) await this.close()
    else log.info(`frps stun listen on ${this.#places().map(formatAddress).join(', ')}`)
  }

  /**
   * A udp proxy wants the port that STUN has taken by default, without being told to: true when it
   * is free now. From then on the second port is any other.
   */
  async leave(port: number): Promise<boolean> {
    const second = this.#sockets.get('second')
    if (this.#options.config.stunPort !== 0 || second?.address.port !== port) return false
    this.#sockets.delete('second')
    await second.close()
    await this.#open('second', { ip: second.address.ip, port: 0 })
    const now = this.#sockets.get('second')?.address.port ?? 'none'
    this.#options.log.info(`udp port ${port} goes to a proxy; the second port of STUN is ${now}`)
    return true
  }

  get ports(): StunPorts {
    const other = this.#sockets.get('other')?.address
    return {
      stun_port: this.#firstPort ?? 0,
      stun_second_port: this.#sockets.get('second')?.address.port ?? 0,
      stun_other_ip: other?.ip ?? '',
      stun_other_port: other?.port ?? 0,
    }
  }

  /** What came on the port of QUIC and is not QUIC. */
  handleForeign(data: Buffer, from: Address, reply: (answer: Buffer) => void): void {
    if (this.#firstPort !== undefined) this.#receive('first', data, from, reply)
  }

  /** A client has logged in from there. The function ends it. */
  admit(ip: string): () => void {
    this.#clients.set(ip, (this.#clients.get(ip) ?? 0) + 1)
    return () => {
      const left = (this.#clients.get(ip) ?? 1) - 1
      if (left > 0) this.#clients.set(ip, left)
      else this.#clients.delete(ip)
    }
  }

  /** A client that has logged in asks for a test of its NAT. */
  async test(runId: string, message: StunTest): Promise<StunTestResp> {
    const { transaction_id: id, server_ip: ip } = message
    const { clock } = this.#options
    const answer = { type: 'StunTestResp', from_other_port: false, from_other_ip: false } as const
    if (this.#firstPort === undefined) return { ...answer, error: 'STUN is off' }
    if (!/^[0-9a-f]{24}$/.test(id)) return { ...answer, error: 'no transaction id' }
    if (!this.#tests.take(runId, clock.now())) return { ...answer, error: 'too many tests' }
    if (isIP(ip) !== 0) this.#dialled[versionOf(plainIp(ip))] = plainIp(ip)
    const isSent = await new Promise<boolean>(resolve => {
      const cancel = clock.after(TEST_MS, () => {
        this.#waiting.delete(id)
        resolve(false)
      })
      this.#waiting.set(id, () => {
        cancel()
        resolve(true)
      })
      this.#responder.requestFilterTest(id, clock.now())
      this.#drain()
    })
    return {
      ...answer,
      error: isSent ? '' : 'the transaction did not come',
      from_other_port: isSent && this.#sockets.has('third'),
      from_other_ip: isSent && this.#sockets.has('other'),
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#firstPort = undefined
    const sockets = [...this.#sockets.values()]
    this.#sockets.clear()
    await Promise.all(sockets.map(socket => socket.close()))
  }

  /** The reason why not, or undefined. */
  async #open(name: StunSocket, at: Address): Promise<string | undefined> {
    try {
      const socket = await openPlainSocket(at)
      this.#sockets.set(name, socket)
      socket.start({
        onDatagram: (data, from) => {
          // The third port is for nobody to write to.
          if (name === 'third') return
          this.#receive(name, data, from, answer => {
            socket.send(answer, answer.length, from)
          })
        },
        onBatchEnd() {},
      })
      return undefined
    } catch (error) {
      const isTaken = systemCode(error) === 'EADDRINUSE'
      return `udp ${formatAddress(at)}: ${isTaken ? 'address already in use' : errorText(error)}`
    }
  }

  /** Several may be glued together; each tells its length. */
  #receive(
    socket: StunSocket,
    data: Buffer,
    from: Address,
    reply: (answer: Buffer) => void,
  ): void {
    let rest = data
    while (isStun(rest)) {
      const length = STUN_HEADER_BYTES + rest.readUInt16BE(2)
      const message = rest.subarray(0, length)
      rest = rest.subarray(length)
      this.#responder.handleDatagram(socket, message, from, this.#options.clock.now())
      this.#drain(output => {
        if (output.socket !== socket) return false
        reply(output.data)
        return true
      })
    }
  }

  #drain(isSent: (output: ResponderOutput) => boolean = () => false): void {
    for (;;) {
      const output = this.#responder.poll()
      if (output === undefined) return
      const { socket, to, data } = output
      if (!isSent(output)) this.#sockets.get(socket)?.send(data, data.length, to)
      if (output.testId === undefined) continue
      this.#waiting.get(output.testId)?.()
      this.#waiting.delete(output.testId)
    }
  }

  #otherAddress(socket: StunSocket, { ip }: Address): Address | undefined {
    const other = this.#sockets.get('other')?.address
    if (socket !== 'other' && other && versionOf(other.ip) === versionOf(ip)) return other
    const port =
      socket === 'first' ? this.#sockets.get('second')?.address.port : this.#firstPort
    if (port === undefined) return undefined
    const { config } = this.#options
    const { bindAddr, stunPublicAddr: publicAddr } = config
    const place = { own: this.#ownAddresses(), bindAddr, publicAddr, dialled: this.#dialled }
    const own = addressTowards(ip, place)
    return own === undefined ? undefined : { ip: own, port }
  }

  #ownAddresses(): readonly OwnAddress[] {
    const now = this.#options.clock.now()
    if (now - this.#ownAt < LOOK_EVERY_MS) return this.#own
    this.#ownAt = now
    this.#own = interfaceAddresses()
    return this.#own
  }

  #places(): Address[] {
    const { bindAddr } = this.#options.config
    const { stun_port: first, stun_second_port: second } = this.ports
    const other = this.#sockets.get('other')?.address
    const own = [first, second].filter(port => port !== 0).map(port => ({ ip: bindAddr, port }))
    return other ? [...own, other] : own
  }
}
