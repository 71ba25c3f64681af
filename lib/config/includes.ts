// The files that `includes` names: a path each, with a glob in its last component only
// (frp-surface.md section 2.6). Relative paths count from the working directory, as in frp.

import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { systemCode } from '../errors.ts'

/**
 * Matching files in the listed order, within a folder by name. Rejects with Error where a folder
 * does not exist.
 */
export async function includedFiles(patterns: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for (const pattern of patterns) {
    const folder = dirname(pattern)
    const matches = glob(basename(pattern))
    const names = await namesIn(folder)
    files.push(...names.filter(name => matches.test(name)).map(name => join(folder, name)))
  }
  return files
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries
      .filter(entry => !entry.isDirectory())
      .map(entry => entry.name)
      .sort()
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    throw new Error(`stat ${folder}: no such file or directory`, { cause: error })
  }
}

/**
 * Go's filepath.Match: `*`, `?`, `[a-z]`, `[^a]`, and `\` before a plain character. A broken
 * pattern matches nothing.
 */
export function glob(pattern: string): RegExp {
  let source = ''
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i] ?? ''
    if (char === '*') {
      while (pattern[i + 1] === '*') i++
      source += '[^/]*'
    } else if (char === '?') {
      source += '[^/]'
    } else if (char === '[') {
      const close = pattern.indexOf(']', i + 2)
      if (close === -1) return /[]/
      source += `[${pattern.slice(i + 1, close).replaceAll(/[\\[\]]/g, '\\$&')}]`
      i = close
    } else {
      const plain = char === '\\' ? pattern[++i] : char
      if (plain === undefined) return /[]/
      source += plain.replace(/[.*+?^${}()|[\]\\/-]/, '\\$&')
    }
  }
  try {
    return new RegExp(`^${source}$`)
  } catch {
    return /[]/ // such as [z-a]
  }
}
