// All rows of the nat bench, in the order of its table.

import { changePart, outagePart } from './changes.ts'
import { blockedPart, foreignPart, ip6Part, mappedPart, nearPart, relayPart } from './near.ts'
import { coldPart, lossyPart, pairsPart } from './pairs.ts'
import type { Part } from './part.ts'
import { idlePart, punchedPart } from './steady.ts'
import { cutPart, upgradePart } from './transfers.ts'

export const PARTS: readonly Part[] = [
  relayPart,
  pairsPart,
  coldPart,
  lossyPart,
  foreignPart,
  nearPart,
  ip6Part,
  mappedPart,
  blockedPart,
  upgradePart,
  cutPart,
  changePart,
  outagePart,
  punchedPart,
  idlePart,
]
