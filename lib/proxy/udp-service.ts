// The client half of a udp proxy: for each user of a flow link a socket to the local service
// (frp-wire.md section 6.2). The sockets outlive the link: after a reconnect a player goes on with
// the same port, and the game has not noticed.

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { type Address, formatAddress } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { Flow, FlowLink } from '../datagram/index.ts'
import { errorText, systemCode } from '../errors.ts'
import type { Logger } from '../log.ts'
import { encodeProxyHeader } from '../stream/proxy-protocol.ts'
import { type ConnectedSocket, openConnectedSocket, prepareConnectedSockets } from '../udp/index.ts'
import { loopbackFor } from './loopback.ts'
import { type UdpUser, UdpUsers } from './udp-users.ts'

export interface UdpServiceOptions {
  readonly localIP: string
  readonly localPort: number
  /** A player without packets for so long is forgotten. */
  readonly idleMs: number
  readonly proxyProtocolVersion: '' | 'v1' | 'v2'
  /** Each user's address gets a loopback address of its own. */
  readonly localAddrPerUser: boolean
  readonly clock: Clock
}

/** Players at one time. Each has a descriptor, and about 3 kB. */
const MAX_USERS = 8_192

/** A service that is down is named in the log once in so long. */
const ERROR_LOG_MS = 10_000

interface Player {
  flow: Flow | undefined
  readonly socket: ConnectedSocket
  /** Goes before his first packet. */
  header: Buffer | undefined
  inBytes: number
}

type User = UdpUser<Player>

/** Lives as long as the client. */
export class UdpService {
  readonly #options: UdpServiceOptions
  readonly #users: UdpUsers<Player>
  #service: Address
  #link: FlowLink | undefined
  #cancelSweep: (() => void) | undefined
  #errorAt = -Infinity
  #bytesToLocal = 0
  #bytesToUser = 0

  constructor(options: UdpServiceOptions) {
    this.#options = options
    this.#service = { ip: options.localIP, port: options.localPort }
    const { idleMs } = options
    prepareConnectedSockets()
    this.#users = new UdpUsers({ maxUsers: MAX_USERS, maxPerIp: Infinity, idleMs })
  }

  get idleMs(): number {
    return this.#options.idleMs
  }

  get userCount(): number {
    return this.#users.size
  }

  /**
   * Serves the users of this link, instead of the one before. Resolves when it is over, with the
   * bytes of its packets.
   */
  async serve(
    link: FlowLink,
    log: Logger,
  ): Promise<{ readonly bytesToLocal: number; readonly bytesToUser: number }> {
    // As frp: a new work connection ends the one before.
    this.#link?.close()
    this.#link = link
    const before = { toLocal: this.#bytesToLocal, toUser: this.#bytesToUser }
    link.onFlow(flow => this.#handleFlow(flow, log))
    await this.#resolve(log)
    await link.closed
    if (this.#link === link) this.#link = undefined
    return {
      bytesToLocal: this.#bytesToLocal - before.toLocal,
      bytesToUser: this.#bytesToUser - before.toUser,
    }
  }

  /** The client is over: no player stays. */
  close(): void {
    this.#link?.close()
    this.#cancelSweep?.()
    this.#cancelSweep = undefined
    for (const user of this.#users.values()) this.#forget(user)
  }

  /** A name is looked up once for each link; until it is known, packets go nowhere. */
  async #resolve(log: Logger): Promise<void> {
    const { localIP, localPort } = this.#options
    if (isIP(localIP) !== 0) return
    try {
      const { address } = await lookup(localIP)
      this.#service = { ip: address, port: localPort }
    } catch (error) {
      log.error(`local address [${localIP}] cannot be found: ${errorText(error)}`)
    }
  }

  #handleFlow(flow: Flow, log: Logger): void {
    const now = this.#options.clock.now()
    const user = this.#users.handlePacket(flow.address, now) ?? this.#admit(flow.address, now, log)
    const player = user?.session
    if (user === undefined || player === undefined) {
      flow.close()
      return
    }
    player.flow = flow
    flow.onPacket(payload => {
      this.#users.handlePacket(user.address, this.#options.clock.now())
      this.#bytesToLocal += payload.length
      this.#toService(player, payload)
    })
    flow.onClose(by => {
      if (player.flow === flow) player.flow = undefined
      // The server has given him up, so his port is of no use to anyone.
      if (by === 'peer') this.#forget(user)
    })
  }

  #toService(player: Player, payload: Buffer): void {
    const { header, socket } = player
    player.header = undefined
    socket.send(header === undefined ? payload : Buffer.concat([header, payload]))
  }

  #admit(address: Address, now: number, log: Logger): User | undefined {
    if (isIP(this.#service.ip) === 0) return undefined
    const admitted = this.#users.admit(address, now)
    if (admitted === undefined) return undefined
    if (admitted.evicted !== undefined) this.#forget(admitted.evicted)
    const { user } = admitted
    try {
      user.session = this.#newPlayer(user, log)
    } catch (error) {
      // Out of descriptors, mostly.
      this.#users.remove(user)
      this.#logError(error, log)
      return undefined
    }
    this.#cancelSweep ??= this.#sweepAfter(this.#users.idleMs)
    return user
  }

  #newPlayer(user: User, log: Logger): Player {
    const { localAddrPerUser, proxyProtocolVersion: version } = this.#options
    const service = this.#service
    const source = localAddrPerUser ? loopbackFor(user.address.ip, service.ip) : undefined
    const from = formatAddress(user.address)
    if (source === undefined) log.debug(`new udp user [${from}]`)
    else log.info(`new udp user [${from}] is ${source} for the local service`)
    const socket = openConnectedSocket(
      { to: service, source },
      {
        onPacket: payload => {
          this.#users.handleAnswer(user, this.#options.clock.now())
          this.#bytesToUser += payload.length
          user.session?.flow?.send(payload)
        },
        onError: error => this.#logError(error, log),
      },
    )
    const header =
      version === ''
        ? undefined
        : encodeProxyHeader({ version, source: user.address, destination: service, network: 'udp' })
    return { flow: undefined, socket, header, inBytes: 0 }
  }

  #forget(user: User): void {
    this.#users.remove(user)
    user.session?.socket.close()
    user.session?.flow?.close()
    user.session = undefined
  }

  #logError(error: unknown, log: Logger): void {
    const now = this.#options.clock.now()
    if (now - this.#errorAt < ERROR_LOG_MS) return
    this.#errorAt = now
    const service = formatAddress(this.#service)
    const reason = systemCode(error) === 'ECONNREFUSED' ? 'nothing listens there' : errorText(error)
    log.warn(`udp packets to local service [${service}] are lost: ${reason}`)
  }

  #sweepAfter(delayMs: number): () => void {
    return this.#options.clock.after(delayMs, () => this.#sweep())
  }

  #sweep(): void {
    this.#cancelSweep = undefined
    const now = this.#options.clock.now()
    for (let user = this.#users.poll(now); user !== undefined; user = this.#users.poll(now)) {
      this.#forget(user)
    }
    const deadline = this.#users.deadline()
    if (deadline === undefined) return
    // A busy table's deadline is always near; once a second is soon enough.
    const leastMs = Math.min(1_000, this.#users.idleMs)
    this.#cancelSweep = this.#sweepAfter(Math.max(leastMs, deadline - now))
  }
}
