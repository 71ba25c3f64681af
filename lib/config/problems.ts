// Collects what is wrong with a configuration, so that all of it is told at once, each with its
// file, line and key.

import { TunnelError } from '../errors.ts'
import type { KeyPath } from './document.ts'

/** After this many problems the rest is only counted. */
export const MAX_TOLD = 50

export interface Problem {
  readonly path: KeyPath
  readonly text: string
}

/**
 * frp decodes everything, drops what `start` and `enabled` leave out, and checks the rest: a proxy
 * that is switched off
 * may have wrong values but no unknown keys. Hence two lists.
 */
export class Report {
  readonly decoding: Problem[] = []
  readonly checking: Problem[] = []
  readonly warnings: Problem[] = []
}

/** Where the decoder stands: a key path and the report that its findings go to. */
export class Site {
  readonly path: KeyPath
  readonly report: Report
  readonly options: DecodeOptions

  constructor(path: KeyPath, report: Report, options: DecodeOptions) {
    this.path = path
    this.report = report
    this.options = options
  }

  /** So much is wrong that advice would only cost time. */
  get isCrowded(): boolean {
    return this.report.decoding.length + this.report.warnings.length > MAX_TOLD
  }

  at(key: string | number): Site {
    return new Site([...this.path, key], this.report, this.options)
  }

  /** The value cannot be read. */
  fail(text: string): void {
    this.report.decoding.push({ path: this.path, text })
  }

  /** The value can be read but is refused. */
  refuse(text: string): void {
    this.report.checking.push({ path: this.path, text })
  }

  warn(text: string): void {
    this.report.warnings.push({ path: this.path, text })
  }
}

export interface DecodeOptions {
  /** Unknown keys are errors; else warnings. */
  readonly strict: boolean
  /** False for values from a program: there 0 can be meant. */
  readonly isFile: boolean
  /** Values of --allow-unsafe. */
  readonly allowUnsafe: readonly string[]
  /** Says more about an unknown key, such as where it belongs. */
  readonly hint?: (key: string, path: KeyPath) => string | undefined
}

/** One line for each problem; `[CONFIG_INVALID]` follows. */
export function configError(lines: readonly string[], cause?: unknown): TunnelError {
  return new TunnelError('CONFIG_INVALID', lines.join('\n'), cause === undefined ? {} : { cause })
}
