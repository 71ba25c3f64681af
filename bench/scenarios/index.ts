// All questions, in the order of the table.

import { bulkScenario } from './bulk.ts'
import { connectScenario } from './connect.ts'
import { echoScenario } from './echo.ts'
import { idleScenario } from './idle.ts'
import type { Scenario } from './scenario.ts'
import { stalledScenario } from './stalled.ts'

export const SCENARIOS: readonly Scenario[] = [
  bulkScenario('down'),
  bulkScenario('up'),
  echoScenario,
  connectScenario(1),
  connectScenario(16),
  idleScenario,
  stalledScenario
]
