// The face of the folder.

export { openBench, type Bench, type BenchService, type OpenBenchOptions } from './bench.ts'
export { openDoors, type BenchDoors } from './doors.ts'
export { BenchHost, refuseBench } from './host.ts'
