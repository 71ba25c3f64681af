// The NAT classes that people meet, by the letters of the traversal tables: what maps the same for
// all remotes ("cone") is C1 to C3, what maps each remote anew ("symmetric") S1 to S3. Sans-IO.

import type { NatOptions } from './spec.ts'

const COMMON = {
  mapping: 'endpoint-independent',
  ports: { type: 'preserving' },
  // What Linux does: 30 s until a remote has answered, then 120 s.
  lifeMs: 120_000,
  unansweredLifeMs: 30_000,
  hairpin: false,
  udpBlocked: false,
} as const

const SYMMETRIC = {
  mapping: 'address-and-port-dependent',
  filtering: 'address-and-port-dependent',
} as const

export type NatClass = 'C1' | 'C2' | 'C3' | 'S1' | 'S2' | 'S3'

export const NAT_CLASSES: Readonly<Record<NatClass, Omit<NatOptions, 'pool'>>> = {
  /** Full cone. */
  C1: { ...COMMON, filtering: 'endpoint-independent' },
  /** Restricted cone. */
  C2: { ...COMMON, filtering: 'address-dependent' },
  /** Port-restricted cone: the ordinary home router. */
  C3: { ...COMMON, filtering: 'address-and-port-dependent' },
  /** Symmetric, and the next port is foreseeable but for what others take. */
  S1: { ...COMMON, ...SYMMETRIC, ports: { type: 'sequential', step: 1, foreignPerSecond: 20 } },
  /** Symmetric, random in the subscriber's block of 1,024 ports. */
  S2: {
    ...COMMON,
    ...SYMMETRIC,
    ports: { type: 'random-in-block', size: 1024 },
    sharesPorts: true,
  },
  /** Symmetric, random. */
  S3: { ...COMMON, ...SYMMETRIC, ports: { type: 'random' } },
}

/** A box of a class with these public addresses; `changes` win. */
export function natOfClass(
  name: NatClass,
  pool: readonly string[],
  changes: Partial<NatOptions> = {},
): NatOptions {
  return { ...NAT_CLASSES[name], pool, ...changes }
}
