// What this project uses of the native binding, with the meanings that the package's own types
// leave open.

export interface HostPort {
  readonly host: string
  readonly port: number
}

export interface Config {
  setApplicationProtos(protocols: string[]): void
  setMaxIdleTimeout(milliseconds: number): void
  setMaxRecvUdpPayloadSize(bytes: number): void
  setMaxSendUdpPayloadSize(bytes: number): void
  setInitialMaxData(bytes: number): void
  setInitialMaxStreamDataBidiLocal(bytes: number): void
  setInitialMaxStreamDataBidiRemote(bytes: number): void
  setInitialMaxStreamsBidi(count: number): void
  setInitialMaxStreamsUni(count: number): void
  setInitialMaxStreamDataUni(bytes: number): void
  setMaxAckDelay(milliseconds: number): void
  setActiveConnectionIdLimit(count: number): void
  setDisableActiveMigration(disabled: boolean): void
  enableDgram(enabled: boolean, receiveQueue: number, sendQueue: number): void
  setCcAlgorithmName(name: string): void
  enableHystart(enabled: boolean): void
  enablePacing(enabled: boolean): void
  setMaxStreamWindow(bytes: number): void
  setMaxConnectionWindow(bytes: number): void
  setStatelessResetToken(token: bigint | undefined): void
  grease(enabled: boolean): void
}

export interface ConfigConstructor {
  withBoringSslCtx(
    verifyPeer: boolean,
    verifyAllowFail: boolean,
    ca: Uint8Array | null,
    key: Uint8Array[] | null,
    cert: Uint8Array[] | null,
    sigalgs: string | null,
  ): Config
}

export interface PacketInfo {
  readonly from: HostPort
  readonly to: HostPort
}

export interface ConnectionFailure {
  readonly isApp: boolean
  readonly errorCode: number
  readonly reason: Uint8Array
}

export interface PathStats {
  readonly active: boolean
  /** Milliseconds. */
  readonly rtt: number
  readonly cwnd: number
  /** Bytes of packets, since the connection began. */
  readonly sentBytes: number
  readonly lostBytes: number
  /** Bytes per second, proven by the last acknowledgements. */
  readonly deliveryRate: number
}

export interface Connection {
  /** Throws when the packet ends the connection; packets that are merely wrong are dropped. */
  recv(data: Uint8Array, info: PacketInfo): number
  send(target: Uint8Array): [number, PacketInfo] | null
  streamRecv(id: number, target: Uint8Array): [number, boolean] | null
  streamReadable(id: number): boolean
  streamSend(id: number, data: Uint8Array, fin: boolean): number | null
  /** `urgency`: 0 first, 255 last. */
  streamPriority(id: number, urgency: number, isIncremental: boolean): void
  streamShutdown(id: number, direction: number, code: number): void | null
  streamCapacity(id: number): number
  peerStreamsLeftBidi(): number
  /** Largest DATAGRAM payload now; null when the peer takes none. */
  dgramMaxWritableLen(): number | null
  isDgramSendQueueFull(): boolean
  dgramSend(payload: Uint8Array): void | null
  /** Bytes written to `target`; null when there is none. */
  dgramRecv(target: Uint8Array): number | null
  /** Whether `readable` would give anything, or a datagram waits. Cheap, as `readable` is not. */
  isReadable(): boolean
  readable(): Iterable<number>
  /** Milliseconds until `onTimeout` is due; null for never. */
  timeout(): number | null
  onTimeout(): void
  newSourceCid(cid: Uint8Array, resetToken: bigint, retireIfNeeded: boolean): number
  sourceCidsLeft(): number
  retiredScidNext(): Uint8Array | null
  close(isApp: boolean, code: number, reason: Uint8Array): void | null
  sourceId(): Uint8Array
  /** DER, the peer's own certificate first. */
  peerCertChain(): Uint8Array[] | null
  applicationProto(): Uint8Array
  isEstablished(): boolean
  isDraining(): boolean
  isClosed(): boolean
  isTimedOut(): boolean
  peerError(): ConnectionFailure | null
  localError(): ConnectionFailure | null
  pathStats(): PathStats[]
  /** `recv` counts packets that decrypted and were new. */
  stats(): { readonly recv: number }
  sendAckEliciting(): void
}

export interface ConnectionConstructor {
  connect(
    serverName: string | null,
    scid: Uint8Array,
    local: HostPort,
    remote: HostPort,
    config: Config,
  ): Connection
  accept(
    scid: Uint8Array,
    odcid: Uint8Array | null,
    local: HostPort,
    remote: HostPort,
    config: Config,
  ): Connection
}

export interface Header {
  /** 0 Initial, 1 Retry, 2 Handshake, 3 ZeroRTT, 4 VersionNegotiation, 5 Short. */
  readonly ty: number
  readonly version: number
  readonly dcid: Uint8Array
  readonly scid: Uint8Array
  readonly token?: Uint8Array
}

export interface HeaderConstructor {
  fromSlice(data: Uint8Array, dcidLength: number): Header
}
