import type { BenchReport } from './types.ts'
export function htmlReport(report: BenchReport): string {
  return report.command
}
