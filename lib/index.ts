// The public API: a server, a client, their configuration, their events. Nothing else is public.
//
// Both are made from a resolved configuration, do nothing before `start()`, and are over after
// `close()`:
//
//   const { config, proxies, visitors } = await loadClientConfig('frpc.toml', options)
//   const client = createClient({ config, proxies, visitors })
//   client.on('proxyUp', ({ name, remoteAddr }) => console.log(name, remoteAddr))
//   await client.start()

export type { Bench, BenchDoors, BenchService } from './bench/index.ts'
export { createClient, examine, openAdmin, openBenchDoors } from './client/index.ts'
export type {
  Admin,
  BenchDoorsOptions,
  Client,
  ClientEvents,
  ClientOptions,
  ClientSetup,
  Examination,
  ExamineNetworkOptions,
  FrpReport,
  ProxyPhase,
  ProxyStatus as ClientProxyStatus,
  ServerTrial,
  SessionInfo,
  VisitorStatus,
} from './client/index.ts'
export * from './config/index.ts'
export { TunnelError, type ErrorCode } from './errors.ts'
export { silentLogger } from './log.ts'
export type { Logger, LogFields, LogLevel, LogScope } from './log.ts'
export type { NetworkReport, PeerKind, PeerStatus, Prognosis, Prospect } from './peer/index.ts'
export { createServer } from './server/server.ts'
export type { Server, ServerAddresses, ServerOptions } from './server/server.ts'
export type {
  ClientEvent,
  ClientStatus,
  ProxyEvent,
  ProxyStatus as ServerProxyStatus,
  ServerEvents,
  TrafficCounters,
  WorkStreamEvent,
} from './server/status.ts'
export type { CloseReason, Protocol, SessionStats } from './transport/transport.ts'
export type { Address } from './address.ts'
export { VERSION } from './version.ts'
