import { frpsKilledSuite } from './frps-killed.ts'

frpsKilledSuite('tcp')
