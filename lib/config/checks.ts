// Checks that several tables share, in frp's words (frp-surface.md section 3).

import { SyntaxProblem } from './document.ts'
import type { Check } from './schema.ts'
import type { BandwidthLimit, StringMap } from './types.ts'

/** frp's limit; the server checks it too. */
const MAX_ANNOTATION_BYTES = 262_144

const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const NAME = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/
const DOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/

export function portCheck(field: string): Check<number> {
  return port =>
    port >= 0 && port <= 65_535
      ? undefined
      : `${field}: port number ${port} must be in the range 0..65535`
}

/** `optional values are [a b]`, as Go prints a list. */
export function optionalValues(what: string, words: readonly string[]): () => string {
  return () => `${what}, optional values are [${words.join(' ')}]`
}

/** `1.5MB` or `512KB`, 1024-based; empty = no limit. Throws SyntaxProblem (`unit not support`). */
export function bandwidthLimit(text: string): BandwidthLimit {
  const trimmed = text.trim()
  if (trimmed === '') return { text: '', bytesPerSecond: 0 }
  const unit = trimmed.endsWith('MB') ? 1024 * 1024 : trimmed.endsWith('KB') ? 1024 : undefined
  if (unit === undefined) {
    throw new SyntaxProblem(
      'unit not support; write a number with KB or MB, such as 1.5MB',
      undefined,
    )
  }
  const number = trimmed.slice(0, -2)
  if (!FLOAT.test(number)) {
    const shown = JSON.stringify(number)
    throw new SyntaxProblem(`strconv.ParseFloat: parsing ${shown}: invalid syntax`, undefined)
  }
  return { text: trimmed, bytesPerSecond: Math.max(0, Math.trunc(Number(number) * unit)) }
}

/**
 * What is wrong with annotations: keys like Kubernetes names, and their total size. Empty =
 * nothing.
 */
export function annotationProblems(annotations: StringMap): string[] {
  const problems: string[] = []
  let bytes = 0
  for (const [key, value] of Object.entries(annotations)) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
    for (const reason of nameProblems(key.toLowerCase())) {
      problems.push(`annotation key ${key} is invalid: ${reason}`)
    }
  }
  if (bytes > MAX_ANNOTATION_BYTES) {
    problems.push(`annotations size ${bytes} is larger than limit ${MAX_ANNOTATION_BYTES}`)
  }
  return problems
}

function nameProblems(key: string): string[] {
  const parts = key.split('/')
  const name = parts.at(-1) ?? ''
  const problems: string[] = []
  if (parts.length > 2) {
    return ["a name has letters, digits, '-', '_', '.', and at most one '/' after a DNS prefix"]
  }
  if (parts.length === 2) {
    const prefix = parts[0] ?? ''
    if (prefix === '') problems.push('prefix part must be non-empty')
    else if (prefix.length > 253) problems.push('prefix part must be no more than 253 bytes')
    else if (!DOMAIN.test(prefix)) problems.push('prefix part must be a DNS name in lower case')
  }
  if (name === '') problems.push('name part must be non-empty')
  else if (name.length > 63) problems.push('name part must be no more than 63 bytes')
  if (name !== '' && !NAME.test(name)) {
    problems.push(
      "name part must consist of letters, digits, '-', '_' or '.', and begin and end with a letter or digit",
    )
  }
  return problems
}
