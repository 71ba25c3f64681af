// The resolved configuration: everything present, readonly, named and nested as in frp 0.70
// (frp-surface.md section 3). Defaults and checks are in the tables of server.ts, client.ts,
// proxies.ts and visitors.ts; nothing is decided here.

import type { Secret } from './secret.ts'

export type StringMap = Readonly<Record<string, string>>

export interface ServerConfig {
  readonly bindAddr: string
  /** 0 (any free port) comes only from `serverConfigFromValues`; in a file 0 means 7000. */
  readonly bindPort: number
  /** 0 = off. KCP does not exist yet; a warning says so. */
  readonly kcpBindPort: number
  /**
   * UDP port of QUIC; 0 = the number that TCP got from bindPort; -1 = off because kcpBindPort holds
   * that UDP port.
   */
  readonly quicBindPort: number
  readonly proxyBindAddr: string
  readonly vhostHTTPPort: number
  readonly vhostHTTPTimeout: number
  readonly vhostHTTPSPort: number
  readonly tcpmuxHTTPConnectPort: number
  readonly tcpmuxPassthrough: boolean
  readonly subDomainHost: string
  readonly custom404Page: string
  /** Empty = every port. */
  readonly allowPorts: readonly PortRange[]
  /** 0 = no limit. */
  readonly maxPortsPerClient: number
  /** Seconds. */
  readonly userConnTimeout: number
  /** Bytes. */
  readonly udpPacketSize: number
  /** Not in frp. Places for users of one udp proxy, and of these for one address. */
  readonly udpMaxUsersPerProxy: number
  readonly udpMaxUsersPerIP: number
  /**
   * Not in frp: the second UDP port that answers STUN, beside that of QUIC. 0 = the one after it
   * (any free one where bindPort is 0); -1 = no STUN at all.
   */
  readonly stunPort: number
  /** Not in frp: the address under which clients reach the server, where it is none of its own. */
  readonly stunPublicAddr: string
  /** Not in frp: another address of this machine that answers STUN, too. */
  readonly stunOtherAddr: string
  readonly natholeAnalysisDataReserveHours: number
  readonly detailedErrorsToClient: boolean
  readonly enablePrometheus: boolean
  /**
   * Not in frp: clients that are logged in may run benches (`frpc bench -c`), which send as fast as
   * the line takes.
   */
  readonly allowBench: boolean
  readonly auth: ServerAuthConfig
  readonly transport: ServerTransportConfig
  readonly webServer: WebServerConfig
  readonly log: LogConfig
  readonly sshTunnelGateway: SshTunnelGatewayConfig
  readonly httpPlugins: readonly HttpPluginConfig[]
}

/** Both ends belong to it; an inverted range is empty. frp's `single` becomes `start` = `end`. */
export interface PortRange {
  readonly start: number
  readonly end: number
}

export type AuthMethod = 'token' | 'oidc'
export type AuthScope = 'HeartBeats' | 'NewWorkConns'

export interface ServerAuthConfig {
  readonly method: AuthMethod
  readonly additionalScopes: readonly AuthScope[]
  /** The value of tokenSource once that has been read. */
  readonly token: Secret
  readonly tokenSource: ValueSource | undefined
  readonly oidc: ServerOidcConfig
}

export interface ServerOidcConfig {
  readonly issuer: string
  readonly audience: string
  readonly skipExpiryCheck: boolean
  readonly skipIssuerCheck: boolean
}

export type ValueSource =
  | { readonly type: 'file'; readonly file: { readonly path: string } }
  | { readonly type: 'exec'; readonly exec: ExecSource }

export interface ExecSource {
  readonly command: string
  readonly args: readonly string[]
  readonly env: readonly { readonly name: string; readonly value: Secret }[]
}

export interface ServerTransportConfig {
  readonly tcpMux: boolean
  /** Seconds. */
  readonly tcpMuxKeepaliveInterval: number
  /** Seconds; negative = off. */
  readonly tcpKeepalive: number
  readonly maxPoolCount: number
  /** Seconds; negative = off (the default with tcpMux). */
  readonly heartbeatTimeout: number
  readonly quic: QuicConfig
  readonly tls: ServerTlsConfig
}

export interface QuicConfig {
  /** Seconds. */
  readonly keepalivePeriod: number
  /** Seconds. */
  readonly maxIdleTimeout: number
  readonly maxIncomingStreams: number
  /** Not in frp: bytes of UDP payload, 1200..65507; 0 = find out by probing. */
  readonly datagramSize: number
}

/** Paths of PEM files; empty = not set. */
export interface TlsFiles {
  readonly certFile: string
  readonly keyFile: string
  readonly trustedCaFile: string
  readonly serverName: string
}

export interface ServerTlsConfig extends TlsFiles {
  readonly force: boolean
}

export interface WebServerConfig {
  readonly addr: string
  /** 0 = off. */
  readonly port: number
  readonly user: string
  readonly password: Secret
  readonly assetsDir: string
  readonly pprofEnable: boolean
  readonly tls: TlsFiles | undefined
}

export interface LogConfig {
  /** `console` or a path. */
  readonly to: string
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error'
  /** Negative = keep all. */
  readonly maxDays: number
  readonly disablePrintColor: boolean
}

export interface SshTunnelGatewayConfig {
  readonly bindPort: number
  readonly privateKeyFile: string
  readonly autoGenPrivateKeyPath: string
  readonly authorizedKeysFile: string
}

export interface HttpPluginConfig {
  readonly name: string
  readonly addr: string
  readonly path: string
  readonly ops: readonly string[]
  readonly tlsVerify: boolean
}

export interface ClientConfig {
  readonly serverAddr: string
  readonly serverPort: number
  /** Prefix of the names on the wire (`user.name`); the names in ProxyConfig do not carry it. */
  readonly user: string
  readonly clientID: string
  readonly loginFailExit: boolean
  readonly natHoleStunServer: string
  /** Not in frp: asks the router to map the port of peer connections (PCP, NAT-PMP, UPnP). */
  readonly natPortMapping: boolean
  readonly dnsServer: string
  /** Already applied to the proxies and visitors that came with it. */
  readonly start: readonly string[]
  /** Already read. */
  readonly includes: readonly string[]
  /** Bytes. */
  readonly udpPacketSize: number
  readonly metadatas: StringMap
  readonly featureGates: Readonly<Record<string, boolean>>
  readonly virtualNet: { readonly address: string }
  readonly store: { readonly path: string }
  readonly auth: ClientAuthConfig
  readonly transport: ClientTransportConfig
  readonly webServer: WebServerConfig
  readonly log: LogConfig
}

export interface ClientAuthConfig {
  readonly method: AuthMethod
  readonly additionalScopes: readonly AuthScope[]
  /** The value of tokenSource once that has been read. */
  readonly token: Secret
  readonly tokenSource: ValueSource | undefined
  readonly oidc: ClientOidcConfig
}

export interface ClientOidcConfig {
  readonly clientID: string
  readonly clientSecret: Secret
  readonly audience: string
  readonly scope: string
  readonly tokenEndpointURL: string
  readonly additionalEndpointParams: StringMap
  readonly trustedCaFile: string
  readonly insecureSkipVerify: boolean
  readonly proxyURL: Secret
  readonly tokenSource: ValueSource | undefined
}

/** `auto` (QUIC first, TCP when that fails) stands for a missing key; nobody can write it. */
export type ClientProtocol = 'auto' | 'tcp' | 'kcp' | 'quic' | 'websocket' | 'wss'

export interface ClientTransportConfig {
  readonly protocol: ClientProtocol
  readonly wireProtocol: 'v1' | 'v2'
  /** Seconds. */
  readonly dialServerTimeout: number
  /** Seconds; negative = off. */
  readonly dialServerKeepalive: number
  readonly connectServerLocalIP: string
  /** Secret, since it may hold `user:password@`. */
  readonly proxyURL: Secret
  readonly poolCount: number
  readonly tcpMux: boolean
  /** Seconds. */
  readonly tcpMuxKeepaliveInterval: number
  /** Seconds; negative = no heartbeats (the default with tcpMux). */
  readonly heartbeatInterval: number
  /** Seconds; negative = off (the default with tcpMux). */
  readonly heartbeatTimeout: number
  readonly quic: QuicConfig
  readonly tls: ClientTlsConfig
}

export interface ClientTlsConfig extends TlsFiles {
  readonly enable: boolean
  readonly disableCustomTLSFirstByte: boolean
}

export type ProxyConfig =
  | TcpProxyConfig
  | UdpProxyConfig
  | HttpProxyConfig
  | HttpsProxyConfig
  | TcpmuxProxyConfig
  | StcpProxyConfig
  | SudpProxyConfig
  | XtcpProxyConfig

export type ProxyType = ProxyConfig['type']

export interface ProxyBase {
  /** Without the user prefix. */
  readonly name: string
  readonly enabled: boolean
  readonly annotations: StringMap
  readonly metadatas: StringMap
  readonly transport: ProxyTransportConfig
  readonly loadBalancer: { readonly group: string; readonly groupKey: Secret }
  readonly healthCheck: HealthCheckConfig
  readonly localIP: string
  readonly localPort: number
  readonly plugin: ClientPluginConfig | undefined
}

export interface ProxyTransportConfig {
  readonly useEncryption: boolean
  readonly useCompression: boolean
  readonly bandwidthLimit: BandwidthLimit
  readonly bandwidthLimitMode: 'client' | 'server'
  readonly proxyProtocolVersion: '' | 'v1' | 'v2'
  /** Ours. Whose bytes go first where the link is full. */
  readonly priority: 'auto' | 'interactive' | 'bulk'
}

export interface BandwidthLimit {
  /** As it goes over the wire (`1.5MB`); empty = no limit. */
  readonly text: string
  /** 0 = no limit. */
  readonly bytesPerSecond: number
}

export interface HealthCheckConfig {
  readonly type: '' | 'tcp' | 'http'
  readonly timeoutSeconds: number
  readonly maxFailed: number
  readonly intervalSeconds: number
  readonly path: string
  readonly httpHeaders: readonly { readonly name: string; readonly value: string }[]
}

export interface TcpProxyConfig extends ProxyBase {
  readonly type: 'tcp'
  /** 0 = the server picks. */
  readonly remotePort: number
}

/** What udp and sudp proxies have beyond frp's keys. */
export interface PacketProxyKeys {
  readonly transport: PacketTransportConfig
  /** Seconds; a user without packets for so long is forgotten. */
  readonly udpIdleTimeout: number
  /** Each user's address has an own 127.x.y.z towards a local service (Linux). */
  readonly localAddrPerUser: boolean
}

export interface PacketTransportConfig extends ProxyTransportConfig {
  /** So often each packet is sent again, with later ones; `auto`: once, while packets are lost. */
  readonly udpRedundancy: 0 | 1 | 2 | 3 | 'auto'
}

export interface UdpProxyConfig extends ProxyBase, PacketProxyKeys {
  readonly type: 'udp'
  readonly transport: PacketTransportConfig
  /** 0 = the server picks. */
  readonly remotePort: number
}

export interface DomainConfig {
  readonly customDomains: readonly string[]
  readonly subdomain: string
}

export interface HeaderOperations {
  readonly set: StringMap
}

export interface HttpProxyConfig extends ProxyBase, DomainConfig {
  readonly type: 'http'
  readonly locations: readonly string[]
  readonly httpUser: string
  readonly httpPassword: Secret
  readonly routeByHTTPUser: string
  readonly hostHeaderRewrite: string
  readonly requestHeaders: HeaderOperations
  readonly responseHeaders: HeaderOperations
}

export interface HttpsProxyConfig extends ProxyBase, DomainConfig {
  readonly type: 'https'
}

export interface TcpmuxProxyConfig extends ProxyBase, DomainConfig {
  readonly type: 'tcpmux'
  readonly httpUser: string
  readonly httpPassword: Secret
  readonly routeByHTTPUser: string
  readonly multiplexer: 'httpconnect'
}

export interface SecretProxyKeys {
  readonly secretKey: Secret
  /** Empty = the proxy's own user only; `*` = everybody. */
  readonly allowUsers: readonly string[]
  /** Not in frp: only visitors of quicfrp are let in, and only end to end. */
  readonly requireEndToEnd: boolean
}

export interface StcpProxyConfig extends ProxyBase, SecretProxyKeys {
  readonly type: 'stcp'
}

export interface SudpProxyConfig extends ProxyBase, SecretProxyKeys, PacketProxyKeys {
  readonly type: 'sudp'
  readonly transport: PacketTransportConfig
}

export interface XtcpProxyConfig extends ProxyBase, SecretProxyKeys, PacketProxyKeys {
  readonly type: 'xtcp'
  readonly transport: PacketTransportConfig
  readonly natTraversal: NatTraversalConfig
  /** Not in frp: false keeps users' bytes off frps; without a direct way they wait. */
  readonly relay: boolean
}

export interface NatTraversalConfig {
  readonly disableAssistedAddrs: boolean
}

export type VisitorConfig = StcpVisitorConfig | SudpVisitorConfig | XtcpVisitorConfig

export type VisitorType = VisitorConfig['type']

export interface VisitorBase {
  readonly name: string
  readonly enabled: boolean
  readonly transport: VisitorTransportConfig
  readonly secretKey: Secret
  /** Not in frp: connects only to proxies of quicfrp, and only end to end. */
  readonly requireEndToEnd: boolean
  readonly serverUser: string
  readonly serverName: string
  readonly bindAddr: string
  /** Negative = do not listen. */
  readonly bindPort: number
  readonly plugin: VisitorPluginConfig | undefined
}

export interface VisitorTransportConfig {
  readonly useEncryption: boolean
  readonly useCompression: boolean
  /** Ours. Of the leg between the visitor and frps, both ways. */
  readonly priority: ProxyTransportConfig['priority']
}

export interface StcpVisitorConfig extends VisitorBase {
  readonly type: 'stcp'
}

export interface SudpVisitorConfig extends VisitorBase {
  readonly type: 'sudp'
  /** Redundancy of the leg between the visitor and frps; the proxy has that of its own leg. */
  readonly transport: VisitorTransportConfig & Pick<PacketTransportConfig, 'udpRedundancy'>
}

export interface XtcpVisitorConfig extends VisitorBase {
  readonly type: 'xtcp'
  readonly protocol: 'quic' | 'kcp'
  readonly keepTunnelOpen: boolean
  readonly maxRetriesAnHour: number
  /** Seconds. */
  readonly minRetryInterval: number
  readonly fallbackTo: string
  readonly fallbackTimeoutMs: number
  readonly natTraversal: NatTraversalConfig
  /** Not in frp: as of the proxy; either side's false is enough. */
  readonly relay: boolean
  /** Not in frp: what its users speak; the service has the same port for both. */
  readonly network: 'tcp' | 'udp'
}

export interface VisitorPluginConfig {
  readonly type: 'virtual_net'
  readonly destinationIP: string
}

export type ClientPluginConfig =
  | { readonly type: 'http_proxy'; readonly httpUser: string; readonly httpPassword: Secret }
  | { readonly type: 'socks5'; readonly username: string; readonly password: Secret }
  | StaticFilePluginConfig
  | { readonly type: 'unix_domain_socket'; readonly unixPath: string }
  | HttpBridgePluginConfig<'http2http'>
  | HttpBridgePluginConfig<'http2https'>
  | HttpsBridgePluginConfig<'https2http'>
  | HttpsBridgePluginConfig<'https2https'>
  | Tls2rawPluginConfig
  | { readonly type: 'virtual_net' }

export interface StaticFilePluginConfig {
  readonly type: 'static_file'
  readonly localPath: string
  readonly stripPrefix: string
  readonly httpUser: string
  readonly httpPassword: Secret
}

export interface HttpBridgePluginConfig<Type extends 'http2http' | 'http2https'> {
  readonly type: Type
  readonly localAddr: string
  readonly hostHeaderRewrite: string
  readonly requestHeaders: HeaderOperations
}

export interface HttpsBridgePluginConfig<Type extends 'https2http' | 'https2https'> {
  readonly type: Type
  readonly localAddr: string
  readonly hostHeaderRewrite: string
  readonly requestHeaders: HeaderOperations
  readonly enableHTTP2: boolean
  readonly crtPath: string
  readonly keyPath: string
}

export interface Tls2rawPluginConfig {
  readonly type: 'tls2raw'
  readonly localAddr: string
  readonly crtPath: string
  readonly keyPath: string
}
