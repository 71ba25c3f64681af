// One UDP socket and its QUIC connections, as client, as server or both. It finds the connection of
// each datagram, answers what belongs to none (RFC 9000 sections 5.2, 6, 8.1, 10.3), and sends each
// connection's packets in bursts.

import { randomBytes } from 'node:crypto'
import { isLoopback, isWildcard, type Address } from '../address.ts'
import type { DatagramHandler, UdpSocket } from '../udp/socket.ts'
import type { Quiche } from './binding.ts'
import { tuneAllocator } from './allocator.ts'
import { BurstSender } from './burst-sender.ts'
import { buildConfig, type QuicOptions } from './config.ts'
import { QuicConnection, type ConnectionHost, type ConnectionOptions } from './connection.ts'
import { DEFAULT_DATAGRAM_BYTES } from './mtu-probe.ts'
import {
  CID_BYTES,
  cidKey,
  destinationKey,
  isLongHeader,
  isQuic,
  MIN_INITIAL_BYTES,
  segmentBytes,
  stampedFacts,
  stampFacts,
  type PathFacts,
} from './packet.ts'
import { PathProbes } from './path-probes.ts'
import type { Config, Connection, Header, HostPort } from './quiche-types.ts'
import { Budget, Strangers } from './strangers.ts'
import { resetToken, RetryTokens } from './token.ts'

export interface EndpointOptions extends QuicOptions {
  /** Present on a server: takes each connection whose handshake is done. */
  readonly onConnection?: (connection: QuicConnection) => void
  /**
   * Takes datagrams that are neither QUIC nor a path probe, lent for the call; the kernel may have
   * glued several together.
   */
  readonly onForeign?: (data: Buffer, from: Address) => void
  /** Keys stateless resets; must be the same after a restart to be of use. Default: random. */
  readonly resetSecret?: Uint8Array
}

/** Bytes read from quiche at once: one write to a local socket. */
const SCRATCH_BYTES = 256 << 10
/** Datagrams that answer strangers. */
const REPLIES_PER_SECOND = 1000
/** A handshake that has not ended after this long is dropped. Real frpc gives up after 10 s. */
const HANDSHAKE_TIMEOUT_MS = 10_000
/** A reset must be shorter than what it answers, and long enough to look like a packet. */
const MIN_RESET_BYTES = 21
const RESET_BYTES = 41

export class QuicEndpoint implements ConnectionHost, DatagramHandler {
  readonly local: HostPort
  readonly socket: UdpSocket
  readonly #quiche: Quiche
  readonly #options: EndpointOptions
  readonly #byCid = new Map<string, QuicConnection>()
  readonly #connections = new Set<QuicConnection>()
  readonly #touched = new Set<QuicConnection>()
  readonly #configs = new Map<string, Config>()
  readonly #strangers: Strangers
  readonly #retryTokens = new RetryTokens()
  readonly #resetSecret: Uint8Array
  readonly #replies = new Budget(REPLIES_PER_SECOND, performance.now())
  readonly #probes: PathProbes
  readonly #sender: BurstSender
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  #flushQueue: QuicConnection[] = []
  #isClosed = false

  constructor(quiche: Quiche, socket: UdpSocket, options: EndpointOptions) {
    tuneAllocator()
    this.#quiche = quiche
    this.socket = socket
    this.#options = options
    this.#strangers = new Strangers()
    this.#sender = new BurstSender(socket)
    this.#probes = new PathProbes({
      socket,
      datagramBytes: options.datagramBytes,
      answers: options.onConnection !== undefined,
    })
    this.#resetSecret = options.resetSecret ?? randomBytes(32)
    // quiche tells paths apart by both ends; ours is one socket, whichever interface it uses at the
    // moment.
    const { ip, port } = socket.address
    this.local = { host: isWildcard(ip) ? '0.0.0.0' : ip, port }
    // Build one now, so that a wrong certificate or key is an error of opening, not of the first
    // connection.
    const datagramBytes = options.datagramBytes || DEFAULT_DATAGRAM_BYTES
    this.#config({ datagramBytes, isNear: false })
    socket.onWritable = () => this.#onWritable()
    socket.start(this)
  }

  get scratch(): Buffer {
    return this.#scratch
  }

  replaceScratch(): void {
    this.#scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  }

  #config(facts: PathFacts): Config {
    const key = `${facts.datagramBytes} ${facts.isNear}`
    const known = this.#configs.get(key)
    if (known) return known
    const config = buildConfig(this.#quiche, this.#options, facts)
    // Sizes come from strangers: keep the usual handful, build the rest anew.
    if (this.#configs.size < 16) this.#configs.set(key, config)
    return config
  }

  // ---- datagrams in

  onDatagram(data: Buffer, from: Address, segment: number | undefined): void {
    if (data.length === 0) return
    const first = data.readUInt8(0)
    if (!isQuic(first)) {
      if (!this.#probes.handleDatagram(data, from)) this.#options.onForeign?.(data, from)
      return
    }
    let size = segment ?? segmentBytes(data)
    if (size <= 0 || size >= data.length) {
      this.#onPacket(data, from)
      return
    }
    // In a handshake each datagram has a length of its own.
    const isUniform = segment !== undefined || !isLongHeader(first)
    for (let at = 0; at < data.length; at += size) {
      if (!isUniform) size = segmentBytes(data.subarray(at))
      this.#onPacket(data.subarray(at, Math.min(at + size, data.length)), from)
    }
  }

  /** Whether a datagram may be for this endpoint: names a connection of it, or is not QUIC. */
  knows(data: Buffer): boolean {
    if (data.length === 0 || !isQuic(data.readUInt8(0))) return true
    const key = destinationKey(data)
    return key !== undefined && this.#byCid.has(key)
  }

  #onPacket(data: Buffer, from: Address): void {
    const key = destinationKey(data)
    const connection = key === undefined ? undefined : this.#byCid.get(key)
    if (connection) {
      connection.handleDatagram(data, from)
      this.#touched.add(connection)
    } else if (this.#options.onConnection) {
      this.#onStranger(data, from)
    } else {
      this.#offerToAll(data, from)
    }
  }

  onBatchEnd(): void {
    for (const connection of this.#touched) connection.process()
    this.#touched.clear()
  }

  /**
   * A stateless reset names no connection of ours: whoever talks to that address may recognise its
   * token.
   */
  #offerToAll(data: Buffer, from: Address): void {
    if (isLongHeader(data.readUInt8(0)) || data.length > 100) return
    for (const connection of this.#connections) {
      if (connection.remote.ip !== from.ip || connection.remote.port !== from.port) continue
      connection.handleDatagram(data, from)
      this.#touched.add(connection)
    }
  }

  // ---- strangers

  #onStranger(data: Buffer, from: Address): void {
    let header: Header
    try {
      header = this.#quiche.Header.fromSlice(data, CID_BYTES)
    } catch {
      return
    }
    if (!isLongHeader(data.readUInt8(0))) {
      this.#reset(data, from, header.dcid)
      return
    }
    // VersionNegotiation is a server's word, and whatever else is unknown is late or forged.
    const isInitial = header.ty === 0
    if (data.length < MIN_INITIAL_BYTES || header.scid.length > 20) return
    if (header.version !== 0 && !this.#quiche.versionIsSupported(header.version)) {
      this.#reply(from, out => this.#quiche.negotiateVersion(header.scid, header.dcid, out))
      return
    }
    if (!isInitial) return
    this.#accept(data, from, header)
  }

  #accept(data: Buffer, from: Address, header: Header): void {
    const token = header.token ?? new Uint8Array()
    const odcid = token.length > 0 ? this.#retryTokens.open(token, from, Date.now()) : undefined
    const verdict = this.#strangers.judge(from.ip, {
      isProven: odcid !== undefined,
      connections: this.#connections.size,
    })
    if (verdict === 'drop') return
    if (verdict === 'retry') {
      const scid = randomBytes(CID_BYTES)
      const sealed = this.#retryTokens.seal(from, header.dcid, Date.now())
      this.#reply(from, out =>
        this.#quiche.retry(header.scid, header.dcid, scid, sealed, header.version, out),
      )
      return
    }
    // After a Retry the client addresses the id that the Retry gave it, and the handshake must go
    // on under that.
    const isRetried = odcid !== undefined && header.dcid.length === CID_BYTES
    const scid = isRetried ? Buffer.from(header.dcid) : randomBytes(CID_BYTES)
    const stamped = stampedFacts(header.scid)
    const facts = {
      datagramBytes: Math.min(
        this.#options.datagramBytes || Number.POSITIVE_INFINITY,
        stamped?.datagramBytes ?? DEFAULT_DATAGRAM_BYTES,
      ),
      isNear: stamped?.isNear ?? isLoopback(from.ip),
    }
    const config = this.#config(facts)
    config.setStatelessResetToken(this.resetToken(scid))
    const remote = { host: from.ip, port: from.port }
    const native = this.#quiche.Connection.accept(scid, odcid ?? null, this.local, remote, config)
    const connection = this.#add(native, {
      role: 'server',
      remote: from,
      ...facts,
      isPinned: stamped !== undefined,
    })
    // Until the client knows our id it repeats the one it made up.
    const firstKey = cidKey(header.dcid)
    if (!isRetried) connection.cids.add(firstKey)
    const settle = this.#strangers.begin(from.ip)
    const timer = setTimeout(
      () => connection.close(0, 'the handshake took too long'),
      HANDSHAKE_TIMEOUT_MS,
    )
    const onDone = (): void => {
      clearTimeout(timer)
      settle()
      if (!isRetried) connection.cids.remove(firstKey)
    }
    connection.ready.then(onDone, onDone)
    connection.onReady = () => this.#options.onConnection?.(connection)
    connection.handleDatagram(data, from)
    this.#touched.add(connection)
  }

  /**
   * We have restarted, or the connection has ended: tell the peer, so that it does not wait for its
   * time-out.
   */
  #reset(data: Buffer, from: Address, dcid: Uint8Array): void {
    const length = Math.min(data.length - 1, RESET_BYTES)
    if (length < MIN_RESET_BYTES) return
    this.#reply(from, out => {
      randomBytes(length - 16).copy(out)
      out.writeUInt8((out.readUInt8(0) & 0x3f) | 0x40, 0)
      resetToken(this.#resetSecret, dcid).copy(out, length - 16)
      return length
    })
  }

  #reply(to: Address, write: (out: Buffer) => number): void {
    if (!this.#replies.take(1, performance.now())) return
    const out = Buffer.alloc(DEFAULT_DATAGRAM_BYTES)
    try {
      const length = write(out)
      this.socket.send(out.subarray(0, length), length, to)
    } catch {
      // quiche could not form an answer to what a stranger sent: nothing is owed.
    }
  }

  // ---- connections

  /** Learns about the path to a server, as PathProbes.probe. */
  probe(to: Address): Promise<PathFacts> {
    return this.#probes.probe(to)
  }

  /** As PathProbes.measure, to an endpoint that takes connections. */
  measure(to: Address, limit: number): Promise<number | undefined> {
    return this.#probes.measure(to, limit)
  }

  /** Starts a handshake; `connection.ready` tells how it went. */
  connect(to: Address, options: PathFacts & { readonly serverName: string }): QuicConnection {
    const { datagramBytes, isNear, serverName } = options
    const scid = stampFacts(randomBytes(CID_BYTES), options)
    const remote = { host: to.ip, port: to.port }
    const config = this.#config({ datagramBytes, isNear })
    const native = this.#quiche.Connection.connect(
      serverName,
      scid,
      this.local,
      remote,
      config,
    )
    const connection = this.#add(native, {
      role: 'client',
      remote: to,
      datagramBytes,
      isNear,
      isPinned: false,
    })
    connection.flush()
    return connection
  }

  #add(
    native: Connection,
    options: Omit<ConnectionOptions, 'keepaliveMs' | 'idleTimeoutMs'>,
  ): QuicConnection {
    const { keepaliveMs, idleTimeoutMs, livenessMs, startDatagramBytes } = this.#options
    const connection = new QuicConnection(native, this, {
      ...options,
      keepaliveMs,
      idleTimeoutMs,
      ...(livenessMs !== undefined && { livenessMs }),
      ...(startDatagramBytes !== undefined && { startDatagramBytes }),
    })
    this.#connections.add(connection)
    return connection
  }

  addCid(key: string, connection: QuicConnection): void {
    this.#byCid.set(key, connection)
  }

  removeCid(key: string): void {
    this.#byCid.delete(key)
  }

  resetToken(cid: Uint8Array): bigint {
    return BigInt(`0x${resetToken(this.#resetSecret, cid).toString('hex')}`)
  }

  remove(connection: QuicConnection): void {
    this.#connections.delete(connection)
    this.#touched.delete(connection)
  }

  // ---- datagrams out

  scheduleFlush(connection: QuicConnection): void {
    if (this.#flushQueue.length === 0) setImmediate(() => this.#flushAll())
    this.#flushQueue.push(connection)
  }

  #flushAll(): void {
    const queue = this.#flushQueue
    this.#flushQueue = []
    for (const connection of queue) connection.flush()
  }

  #onWritable(): void {
    this.#sender.handleWritable()
    for (const connection of this.#connections) connection.wake()
  }

  transmit(connection: QuicConnection): boolean {
    return this.#sender.transmit(connection)
  }

  /** Closes all connections, telling their peers, then the socket. */
  async close(detail: string): Promise<void> {
    if (this.#isClosed) return
    for (const connection of [...this.#connections]) connection.close(0, detail)
    this.#isClosed = true
    this.#probes.close()
    this.#sender.close()
    await this.socket.close()
  }
}
