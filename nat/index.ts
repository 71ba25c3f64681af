// The face of nat: machines and codecs that find a direct way between two machines behind NATs.
// Everything is Sans-IO; lib/peer drives it.

export * from './types.ts'
