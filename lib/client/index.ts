// The face of the client side.
export { openAdmin, type Admin } from './admin.ts'
export { openBenchDoors, type BenchDoorsOptions } from './bench-doors.ts'
export { createClient, type Client, type ClientOptions, type ClientSetup } from './client.ts'
export {
  examine,
  type Examination,
  type ExamineNetworkOptions,
  type FrpReport,
  type ServerTrial,
} from './examine.ts'
export type {
  ClientEvents,
  ProxyPhase,
  ProxyStatus,
  SessionInfo,
  VisitorStatus,
} from './status.ts'
