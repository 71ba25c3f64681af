// The lab: programs in network namespaces of their own, and a network between them that is played
// in user space. ARCHITECTURE.md shows how it works.

export { removeStaleLabs } from './cleanup.ts'
export { openLab } from './lab.ts'
export type { Lab, LabEnd, LabHost, LabOptions } from './lab.ts'
export type { LabStats, RouterStats } from './messages.ts'
export type { LinkStats } from './model/link.ts'
export { NAT_CLASSES, natOfClass } from './model/nat-classes.ts'
export type { NatClass } from './model/nat-classes.ts'
export type { Move, NetworkStats, WayStats } from './model/network.ts'
export type {
  BoxSpec,
  HostSpec,
  LinkOptions,
  LinkPair,
  NatOptions,
  NetworkSpec,
} from './model/spec.ts'
export { labSupport } from './support.ts'
