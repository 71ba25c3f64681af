// All rows of the nat bench, in the order of its table.

import { blockedPart, foreignPart, nearPart, relayPart } from './near.ts'
import { changePart, cutPart, outagePart, upgradePart } from './moves.ts'
import { coldPart, lossyPart, pairsPart } from './pairs.ts'
import type { Part } from './part.ts'
import { idlePart, punchedPart } from './steady.ts'

export const PARTS: readonly Part[] = [
  relayPart,
  pairsPart,
  coldPart,
  lossyPart,
  foreignPart,
  nearPart,
  blockedPart,
  upgradePart,
  cutPart,
  changePart,
  outagePart,
  punchedPart,
  idlePart,
]
