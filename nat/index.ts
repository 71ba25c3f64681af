// The face of nat: machines and codecs that find a direct way between two machines behind NATs.
// Everything is Sans-IO; lib/peer drives it.

export { isIpAddress } from './ip.ts'
export * from './types.ts'
export * from './path/types.ts'
export { PathPolicy, type PathPolicyOptions } from './path/policy.ts'
export {
  PROBE_BYTES,
  ProbeSession,
  probeTag,
  type PeerRole,
  type Probe,
  type ProbeKeys,
  type RequestOptions,
} from './probe.ts'
export { type LocalNetwork } from './candidates.ts'
export { Puncher } from './punch/puncher.ts'
export * from './punch/types.ts'
export * from './portmap/index.ts'
export * from './discovery.ts'
export {
  Discoverer,
  type DiscovererOptions,
  type DiscovererOutput,
  type OpenedSocket,
} from './discover.ts'
export type { FilterTestReply } from './filter-test.ts'
export {
  hostCandidates,
  usableCandidates,
  type InterfaceAddress,
  type Surroundings,
} from './candidates.ts'
export { resampled } from './predict.ts'
export { addressScope, type AddressScope } from './scope.ts'
export { PEER_KINDS, prognosis, type PeerKind, type Prognosis, type Prospect } from './prognosis.ts'
