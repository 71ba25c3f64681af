// A report as the text of `--json`.

import type { BenchReport } from './types.ts'

/**
 * Indented, with each list of numbers on one line. Figures and samples keep six digits, which is
 * more than any of them can tell. A sample that never came back, Infinity, is null.
 */
export function jsonReport(report: BenchReport): string {
  const text = JSON.stringify(report, (_key, value: unknown) => shorten(value), 2)
  // No string holds a line feed in JSON: what spans lines and has only numbers is such a list.
  const compact = text.replace(/\[\n[\s\d.,eE+\-nul]*\]/g, list => list.replace(/\s+/g, ' '))
  return `${compact}\n`
}

function shorten(value: unknown): unknown {
  if (typeof value !== 'number' || Number.isInteger(value)) return value
  return Number(value.toPrecision(6))
}
