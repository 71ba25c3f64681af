// INI text to values: by kind, and from a whole section by a table's INI names (frp-surface.md
// section 2.10).

import { type KeyPath, Lines } from './document.ts'
import type { IniSection } from './ini.ts'
import type { Key } from './schema.ts'

const TRUE = ['1', 't', 'T', 'TRUE', 'true', 'True', 'YES', 'yes', 'Yes', 'y', 'ON', 'on', 'On']
const FALSE = ['0', 'f', 'F', 'FALSE', 'false', 'False', 'NO', 'no', 'No', 'n', 'OFF', 'off', 'Off']

export function iniFlag(text: string): boolean | undefined {
  if (TRUE.includes(text)) return true
  return FALSE.includes(text) ? false : undefined
}

/** Decimal, or with Go's prefixes 0x, 0o, 0b, 0. */
export function iniInteger(text: string): number | undefined {
  if (!/^[+-]?(?:0[xX][\da-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9]\d*)$/.test(text)) return undefined
  const sign = text.startsWith('-') ? -1 : 1
  const digits = text.replace(/^[+-]/, '').replace(/^0(?=[0-7])/, '0o')
  const number = sign * Number(digits)
  return Number.isSafeInteger(number) ? number : undefined
}

export interface IniObject {
  readonly value: Readonly<Record<string, unknown>>
  readonly lines: Lines
  readonly warnings: string[]
}

/**
 * The object that a TOML file would have held. Wrong numbers and booleans keep the default, with a
 * warning.
 */
export function fromSection(
  table: Readonly<Record<string, Key<unknown>>>,
  section: IniSection,
): IniObject {
  const lines = new Lines()
  const warnings: string[] = []
  const object = (
    keys: Readonly<Record<string, Key<unknown>>>,
    path: KeyPath,
  ): Record<string, unknown> => {
    const entries: [string, unknown][] = []
    for (const [name, key] of Object.entries(keys)) {
      const at = [...path, name]
      const value = read(key, at)
      if (value !== undefined) entries.push([name, value])
      else if (key.table !== undefined && key.ini === undefined)
        entries.push([name, object(key.table, at)])
    }
    return Object.fromEntries(entries)
  }
  const read = ({ ini, fromIni }: Key<unknown>, at: KeyPath): unknown => {
    if (ini === undefined) return undefined
    if (typeof ini === 'function') return ini(section)
    const text = section.get(ini)
    if (text === undefined) return undefined
    const line = section.lineOf(ini)
    if (line !== undefined) lines.set(at, line)
    const value = fromIni(text)
    if (value === undefined && text !== '') {
      const place = line === undefined ? '' : `${line}: `
      warnings.push(`${place}[${section.name}] ${ini} is not a valid value; the default is used`)
    }
    return value
  }
  return { value: object(table, []), lines, warnings }
}
