// What a way that was found is called, for logs and people.

import type { PathKind } from '../path/types.ts'
import type { CandidateType } from '../types.ts'
import type { GuessPart } from './plan.ts'
import type { Technique } from './types.ts'

export function techniqueOfCandidate(type: CandidateType, kind: PathKind): Technique {
  if (kind === 'lan') return 'host'
  if (kind === 'v6') return 'ipv6'
  switch (type) {
    case 'host':
      return 'host'
    case 'mapped':
      return 'mapped'
    case 'prflx':
      return 'peer-reflexive'
    case 'predicted':
      return 'predicted'
    case 'srflx':
      return 'reflexive'
    default:
      return type satisfies never
  }
}

/**
 * Once ports are being guessed, what opens then is due to that, also when it is the other side's
 * guess that met a plain probe of ours.
 */
export function techniqueOfPath(
  technique: Technique,
  guessing: { readonly part: GuessPart; readonly hasBegun: boolean },
): Technique {
  const isPlain = technique === 'reflexive' || technique === 'peer-reflexive'
  if (!isPlain || !guessing.hasBegun) return technique
  const { part } = guessing
  switch (part.type) {
    case 'call':
      return part.isForeseen ? 'predicted' : 'birthday'
    case 'seek':
      return part.ports.type === 'sequential' ? 'predicted' : 'birthday'
    case 'in-step':
      return 'predicted'
    case 'blocks':
      return 'birthday'
    case 'none':
    case 'hopeless':
      return technique
    default:
      return part satisfies never
  }
}
