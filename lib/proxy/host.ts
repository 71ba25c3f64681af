// What the server half of a proxy type is given and what it gives back. A type asks its host for
// ports and work streams and knows nothing of clients, pools or transports, so that it runs in a
// test with a fake host.

import type { Duplex } from 'node:stream'
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Session, StreamPriority } from '../transport/transport.ts'
import type { StringMap, VisitorIntroduction } from '../wire/messages.ts'

/**
 * For the sockets of users and of local services, in bytes. Node's 16 KiB would stop the other side
 * at every TLS record.
 */
export const SOCKET_HIGH_WATER_MARK: number = 256 << 10

/** A proxy as the client asked for it, checked. */
export interface ProxySpec {
  /** With the user prefix. */
  readonly name: string
  readonly type: string
  /** 0 = any. */
  readonly remotePort: number
  readonly useEncryption: boolean
  readonly useCompression: boolean
  /** Of the streams to the client. */
  readonly priority: StreamPriority
  /** 0 = the server does not limit. */
  readonly limitBytesPerSecond: number
  readonly annotations: StringMap
  readonly metadatas: StringMap
  /** Of secret types only. */
  readonly secret?: SecretSpec
}

/** Who may visit a secret proxy. */
export interface SecretSpec {
  /** Empty when the owner is one of ours, which brings a prekey and checks its visitors itself. */
  readonly sk: string
  readonly prekey: string
  /** Empty = the owner's user only; `*` = everybody. */
  readonly allowUsers: readonly string[]
  /** What the owner wants on an end-to-end connection. */
  readonly useCompression: boolean
}

/** One accepted connection of a user. Whoever takes it destroys the stream. */
export interface UserConnection {
  readonly stream: Duplex
  readonly remote: Address
  readonly local: Address
  /** Only when he comes through a visitor. */
  readonly visit?: Visit
}

/** How a user came to a secret proxy. */
export interface Visit {
  /** Whether an end in one direction leaves the other open at the visitor. */
  readonly halfClose: boolean
  /** The visitor's session, where both it and we can use its datagrams. */
  readonly datagrams?: Session | undefined
  /** For the owner, who checks the key. */
  readonly introduction?: VisitorIntroduction
  /** The bytes are nobody's business here: they get no layer on the work stream either. */
  readonly isEndToEnd: boolean
  /** Tells the visitor that nobody serves him, where he has not been answered yet. */
  refuse?(reason: string): void
}

export interface WorkStream {
  /** StartWorkConn is written: whatever is written now is payload. The taker destroys it. */
  readonly stream: Duplex
  /** Whether an end in one direction leaves the other open; false towards a real frp client. */
  readonly halfClose: boolean
}

export interface OpenPort {
  readonly port: number
  /** Resolves when the port is free. Accepted connections live on. */
  close(): Promise<void>
}

export interface OpenUdpPort extends OpenPort {
  /** Best effort. The payload may be used again after the call. */
  send(payload: Buffer, to: Address): void
}

export interface OpenDoor {
  /** Whoever is inside stays. */
  close(): void
}

/** `session` is given where both sides can use its datagrams. */
export type PacketWay =
  { readonly isReal: true } | { readonly isReal: false; readonly session: Session | undefined }

export interface ProxyHost {
  /** With the proxy's name as its last tag. */
  readonly log: Logger
  /** Of the token; for useEncryption. */
  readonly encryptionKey: Buffer
  readonly clock: Clock
  /**
   * Opens a port for users. 0 = the host chooses. Rejects with PORT_NOT_ALLOWED or
   * PORT_UNAVAILABLE, `detail` being frp's text. No user is handed over before it has resolved.
   */
  listenTcp(remotePort: number, onUser: (user: UserConnection) => void): Promise<OpenPort>
  /**
   * As listenTcp, for packets. `payload` is lent for the call; `from` is the same object for each
   * packet of an address as long as that is remembered.
   */
  listenUdp(
    remotePort: number,
    onPacket: (payload: Buffer, from: Address) => void,
  ): Promise<OpenUdpPort>
  /** Places for users of one udp proxy, and of these for one IPv4 address or IPv6 /64. */
  readonly udpLimits: { readonly maxUsers: number; readonly maxPerIp: number }
  /** How the packets of a proxy reach this client. */
  readonly packets: PacketWay
  /** Lets visitors in, those who `secret` allows. */
  openDoor(secret: SecretSpec, onUser: (user: UserConnection) => void): OpenDoor
  /**
   * Introduces real visitors to a real owner, or to ours, for frp's own hole punching: they then
   * talk to each other and not to us (frp-wire.md section 7).
   */
  openRendezvous(secret: SecretSpec): OpenDoor
  /**
   * The stream for one user connection, or for the packets of all users. Rejects with TIMED_OUT,
   * LIMIT_EXCEEDED, SESSION_CLOSED, or ABORTED when the user left first.
   */
  openWorkStream(
    from: Pick<UserConnection, 'remote' | 'local' | 'visit'> | undefined,
    options: { readonly signal: AbortSignal },
  ): Promise<WorkStream>
  /** Bytes of packets, from users and to them. */
  countTraffic(inBytes: number, outBytes: number): void
  /** A user connection was joined. The returned function tells its bytes when it is over. */
  countConnection(remote: Address): (traffic: { inBytes: number; outBytes: number }) => void
}

/** A proxy that users can reach. */
export interface RunningProxy {
  /** For the client: `:6000`. */
  readonly remoteAddr: string
  /** Gives everything back but the user connections that run: they end with their own ends. */
  close(): Promise<void>
}

/** Rejects with the error whose `detail` the client is told. */
export type ProxyStarter = (spec: ProxySpec, host: ProxyHost) => Promise<RunningProxy>
