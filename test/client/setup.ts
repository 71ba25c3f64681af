// Resolved configs for tests of the client, with frp's defaults.

import {
  type AuthScope,
  type ClientConfig,
  Secret,
  type TcpProxyConfig,
} from '../../lib/config/index.ts'

export interface ConfigChoice {
  readonly user?: string
  readonly token?: string
  readonly scopes?: readonly AuthScope[]
  readonly loginFailExit?: boolean
  readonly poolCount?: number
  /** Seconds. */
  readonly heartbeatInterval?: number
  readonly heartbeatTimeout?: number
}

export function clientConfig(choice: ConfigChoice = {}): ClientConfig {
  const empty = new Secret('')
  return {
    serverAddr: 'frps.example',
    serverPort: 7000,
    user: choice.user ?? '',
    clientID: '',
    loginFailExit: choice.loginFailExit ?? true,
    natHoleStunServer: '',
    natPortMapping: false,
    dnsServer: '',
    start: [],
    includes: [],
    udpPacketSize: 1500,
    metadatas: { region: 'here' },
    featureGates: {},
    virtualNet: { address: '' },
    store: { path: '' },
    auth: {
      method: 'token',
      additionalScopes: choice.scopes ?? [],
      token: new Secret(choice.token ?? ''),
      tokenSource: undefined,
      oidc: {
        clientID: '',
        clientSecret: empty,
        audience: '',
        scope: '',
        tokenEndpointURL: '',
        additionalEndpointParams: {},
        trustedCaFile: '',
        insecureSkipVerify: false,
        proxyURL: empty,
        tokenSource: undefined,
      },
    },
    transport: {
      protocol: 'auto',
      wireProtocol: 'v1',
      dialServerTimeout: 10,
      dialServerKeepalive: 7200,
      connectServerLocalIP: '',
      proxyURL: empty,
      poolCount: choice.poolCount ?? 1,
      tcpMux: true,
      tcpMuxKeepaliveInterval: 30,
      heartbeatInterval: choice.heartbeatInterval ?? -1,
      heartbeatTimeout: choice.heartbeatTimeout ?? -1,
      quic: {
        keepalivePeriod: 10,
        maxIdleTimeout: 30,
        maxIncomingStreams: 100_000,
        datagramSize: 0,
      },
      tls: {
        enable: true,
        disableCustomTLSFirstByte: true,
        certFile: '',
        keyFile: '',
        trustedCaFile: '',
        serverName: '',
      },
    },
    webServer: {
      addr: '127.0.0.1',
      port: 0,
      user: '',
      password: empty,
      assetsDir: '',
      pprofEnable: false,
      tls: undefined,
    },
    log: { to: 'console', level: 'info', maxDays: 3, disablePrintColor: false },
  }
}

export interface ProxyChoice {
  readonly name?: string
  readonly localPort?: number
  readonly remotePort?: number
  readonly useEncryption?: boolean
  readonly useCompression?: boolean
  readonly proxyProtocolVersion?: '' | 'v1' | 'v2'
  readonly limit?: { readonly text: string; readonly bytesPerSecond: number }
  readonly limitMode?: 'client' | 'server'
}

export function tcpProxy(choice: ProxyChoice = {}): TcpProxyConfig {
  return {
    type: 'tcp',
    name: choice.name ?? 'ssh',
    enabled: true,
    annotations: {},
    metadatas: { owner: 'me' },
    transport: {
      useEncryption: choice.useEncryption ?? false,
      useCompression: choice.useCompression ?? false,
      bandwidthLimit: choice.limit ?? { text: '', bytesPerSecond: 0 },
      bandwidthLimitMode: choice.limitMode ?? 'client',
      proxyProtocolVersion: choice.proxyProtocolVersion ?? '',
      priority: 'auto',
    },
    loadBalancer: { group: '', groupKey: new Secret('') },
    healthCheck: {
      type: '',
      timeoutSeconds: 3,
      maxFailed: 1,
      intervalSeconds: 10,
      path: '',
      httpHeaders: [],
    },
    localIP: '127.0.0.1',
    localPort: choice.localPort ?? 22,
    plugin: undefined,
    remotePort: choice.remotePort ?? 6000,
  }
}
