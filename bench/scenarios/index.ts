// All questions, in the order of the table.

import { besideScenario } from './beside.ts'
import { bulkScenario } from './bulk.ts'
import { connectScenario, firstByteScenario } from './connect.ts'
import { crowdScenario } from './crowd.ts'
import { echoScenario } from './echo.ts'
import { gameScenario } from './game.ts'
import { idleScenario } from './idle.ts'
import { keystrokeScenario } from './keystroke.ts'
import { rebindScenario } from './rebind.ts'
import type { Scenario } from './scenario.ts'
import { sizesScenario } from './sizes.ts'
import { stalledScenario } from './stalled.ts'
import { volleyScenario } from './volley.ts'

export const SCENARIOS: readonly Scenario[] = [
  bulkScenario('down'),
  bulkScenario('up'),
  echoScenario,
  keystrokeScenario(),
  keystrokeScenario('down'),
  keystrokeScenario('up'),
  // A shooter's client, and a busy server's answers.
  gameScenario({ perSecond: 60, payloadBytes: 100 }),
  gameScenario({ perSecond: 128, payloadBytes: 1200 }),
  gameScenario({ perSecond: 60, payloadBytes: 100, beside: 'down' }),
  gameScenario({ perSecond: 60, payloadBytes: 100, beside: 'up' }),
  sizesScenario,
  volleyScenario,
  crowdScenario,
  connectScenario(1),
  connectScenario(16),
  firstByteScenario,
  besideScenario('down'),
  besideScenario('up'),
  rebindScenario('rebind', 'down'),
  rebindScenario('rebind', 'up'),
  rebindScenario('rebind', 'idle'),
  rebindScenario('move', 'down'),
  rebindScenario('move', 'up'),
  rebindScenario('move', 'idle'),
  idleScenario,
  stalledScenario,
]
