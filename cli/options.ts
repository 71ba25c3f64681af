// The values of the flags, and what they mean as configuration (frp-surface.md §1.2, §1.4). Only
// reads and renames: defaults and checks are those of lib/config.

import type { ClientValues, LoadOptions, RawValues } from '../lib/config/index.ts'

/** Flags of both programs, named as commander names them. */
export interface StartFlags {
  readonly config: string
  readonly version?: boolean
  readonly strictConfig: boolean
  readonly allowUnsafe?: readonly string[]
  readonly logJson?: boolean
}

interface LogFlags {
  readonly logFile: string
  readonly logLevel: string
  readonly logMaxDays: number
  readonly disableLogColor: boolean
}

export interface ServerFlags extends StartFlags, LogFlags {
  readonly bindAddr: string
  readonly bindPort: number
  readonly kcpBindPort: number
  readonly quicBindPort: number
  readonly proxyBindAddr: string
  readonly vhostHttpPort: number
  readonly vhostHttpsPort: number
  readonly vhostHttpTimeout: number
  readonly dashboardAddr: string
  readonly dashboardPort: number
  readonly dashboardUser: string
  readonly dashboardPwd: string
  readonly dashboardTlsMode: boolean
  readonly dashboardTlsCertFile: string
  readonly dashboardTlsKeyFile: string
  readonly enablePrometheus: boolean
  readonly token: string
  readonly subdomainHost: string
  readonly allowPorts?: readonly { start: number; end: number }[]
  readonly maxPortsPerClient: number
  readonly tlsOnly: boolean
}

export interface ClientFlags extends StartFlags {
  readonly configDir: string
}

export interface BenchFlags extends ClientFlags {
  readonly emulate?: string
  readonly scenarios?: readonly string[]
  readonly transports?: readonly string[]
  readonly peer?: readonly string[]
  readonly rounds?: number
  readonly seconds?: string
  readonly quick: boolean
  readonly json?: string
  readonly html?: string
  readonly list: boolean
}

interface ServerAndLogFlags extends ClientFlags, LogFlags {
  readonly serverAddr: string
  readonly serverPort: number
  readonly protocol?: string
  readonly tlsServerName: string
  readonly tlsEnable: boolean
  readonly dnsServer: string
  readonly user: string
  readonly clientId: string
  readonly token: string
}

export interface ProxyFlags extends ServerAndLogFlags {
  readonly proxyName: string
  readonly metadatas?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly localIp: string
  readonly localPort: number
  readonly ue: boolean
  readonly uc: boolean
  readonly bandwidthLimit: string
  readonly bandwidthLimitMode: string
}

export interface TcpFlags extends ProxyFlags {
  readonly remotePort: number
}

export interface SecretFlags extends ProxyFlags {
  readonly sk: string
  readonly allowUsers?: readonly string[]
}

export interface VisitorFlags extends ServerAndLogFlags {
  readonly visitorName: string
  readonly sk: string
  readonly serverName: string
  readonly serverUser: string
  readonly bindAddr: string
  readonly bindPort: number
  readonly ue: boolean
  readonly uc: boolean
}

export function loadOptions(flags: StartFlags, env: NodeJS.ProcessEnv): LoadOptions {
  return { strict: flags.strictConfig, env, allowUnsafe: flags.allowUnsafe ?? [] }
}

/** True when the flag or QUICFRP_LOG_JSON asks for JSON lines. */
export function wantsJsonLogs(flags: StartFlags, env: NodeJS.ProcessEnv): boolean {
  if (flags.logJson !== undefined) return flags.logJson
  return ['1', 'true', 'yes'].includes(env['QUICFRP_LOG_JSON']?.toLowerCase() ?? '')
}

/** `frps` without a file. */
export function serverValues(flags: ServerFlags): RawValues {
  return {
    bindAddr: flags.bindAddr,
    // 0 means the default in frp; for lib/config it would ask for any free port.
    bindPort: flags.bindPort || 7000,
    kcpBindPort: flags.kcpBindPort,
    quicBindPort: flags.quicBindPort,
    proxyBindAddr: flags.proxyBindAddr,
    vhostHTTPPort: flags.vhostHttpPort,
    vhostHTTPSPort: flags.vhostHttpsPort,
    vhostHTTPTimeout: flags.vhostHttpTimeout,
    subDomainHost: flags.subdomainHost,
    maxPortsPerClient: flags.maxPortsPerClient,
    allowPorts: flags.allowPorts ?? [],
    enablePrometheus: flags.enablePrometheus,
    auth: { token: flags.token },
    transport: { tls: { force: flags.tlsOnly } },
    webServer: {
      addr: flags.dashboardAddr,
      port: flags.dashboardPort,
      user: flags.dashboardUser,
      password: flags.dashboardPwd,
      ...(flags.dashboardTlsMode && {
        tls: { certFile: flags.dashboardTlsCertFile, keyFile: flags.dashboardTlsKeyFile },
      }),
    },
    log: logValues(flags),
  }
}

/** `frpc tcp` and `frpc udp`: a client with one proxy. */
export function portProxyValues(flags: TcpFlags, type: 'tcp' | 'udp'): ClientValues {
  const proxy = { ...proxyValues(flags), type, remotePort: flags.remotePort }
  return { common: commonValues(flags), proxies: [proxy] }
}

/** Types whose users come through a visitor. */
export type SecretType = 'stcp' | 'sudp' | 'xtcp'

/** `frpc stcp`, `frpc sudp` and `frpc xtcp`. */
export function secretProxyValues(flags: SecretFlags, type: SecretType): ClientValues {
  const { sk: secretKey, allowUsers = [] } = flags
  const proxy = { ...proxyValues(flags), type, secretKey, allowUsers }
  return { common: commonValues(flags), proxies: [proxy] }
}

/** `frpc stcp visitor` and the like: a client with one visitor. */
export function visitorValues(flags: VisitorFlags, type: SecretType): ClientValues {
  const visitor = {
    name: flags.visitorName,
    type,
    secretKey: flags.sk,
    serverName: flags.serverName,
    serverUser: flags.serverUser,
    ...(flags.bindAddr !== '' && { bindAddr: flags.bindAddr }),
    bindPort: flags.bindPort,
    transport: { useEncryption: flags.ue, useCompression: flags.uc },
  }
  return { common: commonValues(flags), visitors: [visitor] }
}

function commonValues(flags: ServerAndLogFlags): RawValues {
  return {
    serverAddr: flags.serverAddr,
    serverPort: flags.serverPort,
    user: flags.user,
    clientID: flags.clientId,
    dnsServer: flags.dnsServer,
    auth: { token: flags.token },
    transport: {
      ...(flags.protocol !== undefined && { protocol: flags.protocol }),
      tls: { enable: flags.tlsEnable, serverName: flags.tlsServerName },
    },
    log: logValues(flags),
  }
}

function proxyValues(flags: ProxyFlags): RawValues {
  return {
    name: flags.proxyName,
    localIP: flags.localIp,
    localPort: flags.localPort,
    metadatas: flags.metadatas ?? {},
    annotations: flags.annotations ?? {},
    transport: {
      useEncryption: flags.ue,
      useCompression: flags.uc,
      bandwidthLimit: flags.bandwidthLimit,
      bandwidthLimitMode: flags.bandwidthLimitMode,
    },
  }
}

function logValues(flags: LogFlags): RawValues {
  return {
    to: flags.logFile,
    level: flags.logLevel,
    maxDays: flags.logMaxDays,
    disablePrintColor: flags.disableLogColor,
  }
}
