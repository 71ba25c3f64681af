// What people read outside the log, and how a program ends. frp prints its own errors on stdout; so
// do we.

import type { TunnelError } from '../lib/index.ts'

export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** The text of an error without its code, which is for programs. */
export function describe(error: unknown): string {
  if (isTunnelError(error)) return error.detail
  return error instanceof Error ? error.message : String(error)
}

/** By name, so that the class need not be loaded to report a wrong flag. */
function isTunnelError(error: unknown): error is TunnelError {
  return error instanceof Error && error.name === 'TunnelError' && 'detail' in error
}

export function printWarnings(warnings: readonly string[]): void {
  for (const warning of warnings) {
    print(warning.startsWith('WARNING') ? warning : `WARNING: ${warning}`)
  }
}

/**
 * Ends the process once stdout has taken everything (on a pipe that can be later than the write).
 */
export function exit(status: number): void {
  process.exitCode = status
  process.stdout.write('', () => process.exit(status))
}
