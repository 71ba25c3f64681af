import { nothingLeftSuite } from './nothing-left.ts'

nothingLeftSuite('tcp', { warmUp: 5_000, visits: 10_000 })
