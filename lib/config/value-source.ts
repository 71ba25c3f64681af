// Reads a token from where `tokenSource` says: a file or a program's output (frp-surface.md section
// 2.9).

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { errorText } from '../errors.ts'
import { Secret } from './secret.ts'
import type { ValueSource } from './types.ts'

/** A token is short, and a program that hangs must not hold up the start for ever. */
const MAX_OUTPUT_BYTES = 1024 * 1024
const TIMEOUT_MS = 30_000

/** Rejects with an Error in frp's words. White space around the text is dropped. */
export async function resolveSource(source: ValueSource): Promise<Secret> {
  if (source.type === 'file') {
    const { path } = source.file
    try {
      return new Secret((await readFile(path, 'utf8')).trim())
    } catch (error) {
      throw new Error(`failed to read file ${path}: ${errorText(error)}`, { cause: error })
    }
  }
  const { command, args, env } = source.exec
  const extra = Object.fromEntries(env.map(({ name, value }) => [name, value.reveal()]))
  try {
    const { stdout } = await promisify(execFile)(command, [...args], {
      env: { ...process.env, ...extra },
      maxBuffer: MAX_OUTPUT_BYTES,
      timeout: TIMEOUT_MS,
    })
    return new Secret(stdout.trim())
  } catch (error) {
    throw new Error(`failed to execute command ${command}: ${exitText(error)}`, { cause: error })
  }
}

/**
 * Not the error's own message: that holds the program's stderr and arguments, which may be secret.
 */
function exitText(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason'
  const { code, signal } = error as Error & { code?: unknown; signal?: unknown }
  if (typeof code === 'number') return `exit status ${code}`
  if (typeof signal === 'string') return `signal ${signal}`
  return typeof code === 'string' ? code : 'unknown reason'
}
