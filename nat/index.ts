// The face of nat: machines and codecs that find a direct way between two machines behind NATs.
// Everything is Sans-IO; lib/peer drives it.

export * from './types.ts'
export * from './path/types.ts'
export { PathPolicy, type PathPolicyOptions } from './path/policy.ts'
