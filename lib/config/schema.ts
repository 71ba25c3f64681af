// The kinds of values a configuration key can have. A table names every key of an object with its
// kind, default, INI name and check; the compiler sees to it that it has exactly the keys of the
// resolved type. Rules: frp-surface.md section 2.2.

import { isRecord, OddNumber } from './document.ts'
import type { IniSection } from './ini.ts'
import { iniFlag, iniInteger } from './ini-values.ts'
import { nearest } from './nearest.ts'
import type { Site } from './problems.ts'
import { Secret } from './secret.ts'
import type { StringMap } from './types.ts'

/** A key's name in an INI section, or a function that makes its value from the whole section. */
export type IniSource = string | ((section: IniSection) => unknown)

export interface Key<T> {
  readonly ini: IniSource | undefined
  /**
   * What the INI text means; undefined = keep the default, as frp does with wrong numbers and
   * booleans.
   */
  fromIni(text: string): unknown
  /**
   * undefined and null are "not written". Always gives a value, after telling `site` what is wrong.
   */
  decode(raw: unknown, site: Site): T
  /** Set for an object within the object: its keys may have INI names too. */
  readonly table?: Readonly<Record<string, Key<unknown>>>
}

export type Table<T> = { readonly [K in keyof T]-?: Key<T[K]> }

/** Says what is wrong with a value, in frp's words, or undefined. */
export type Check<T> = (value: T) => string | undefined

export interface Extra<T> {
  readonly ini?: IniSource
  readonly check?: Check<T>
}

function key<T>(
  extra: Extra<T>,
  fromIni: (text: string) => unknown,
  decode: (raw: unknown, site: Site) => T,
): Key<T> {
  const { check } = extra
  return {
    ini: extra.ini,
    fromIni,
    decode(raw, site) {
      const value = decode(raw ?? undefined, site)
      const refusal = check?.(value)
      if (refusal !== undefined) site.refuse(refusal)
      return value
    },
  }
}

/** 0 means the default, except in values from a program where `keepsZero` says so. */
export function int(
  whenZero: number,
  extra: Extra<number> & { readonly keepsZero?: boolean } = {},
): Key<number> {
  return key(extra, iniInteger, (raw, site) => {
    if (raw === undefined) return whenZero
    if (typeof raw !== 'number' || !Number.isInteger(raw)) {
      mismatch(site, raw, 'int', 'a whole number')
      return whenZero
    }
    return raw === 0 && (site.options.isFile || extra.keepsZero !== true) ? whenZero : raw
  })
}

export function flag(whenMissing: boolean, extra: Extra<boolean> = {}): Key<boolean> {
  return key(extra, iniFlag, (raw, site) => {
    if (raw === undefined) return whenMissing
    if (typeof raw === 'boolean') return raw
    mismatch(site, raw, 'bool', 'true or false')
    return whenMissing
  })
}

/** An empty text means the default. */
export function text(whenEmpty: string, extra: Extra<string> = {}): Key<string> {
  return key(extra, same, (raw, site) => textOf(raw, site) || whenEmpty)
}

export function secret(extra: Extra<Secret> = {}): Key<Secret> {
  return key(extra, same, (raw, site) =>
    raw instanceof Secret ? raw : new Secret(textOf(raw, site)),
  )
}

/**
 * One of some words. `whenEmpty` stands for an empty or missing text; where it is undefined, one of
 * the words must be
 * written. `refusal` is the message for anything else.
 */
export function oneOf<const T extends string>(
  words: readonly [T, ...T[]],
  whenEmpty: T | undefined,
  refusal: (word: string) => string,
  extra: { readonly ini?: IniSource } = {},
): Key<T> {
  return key(extra, same, (raw, site) => {
    const word = textOf(raw, site)
    if (word === '' && whenEmpty !== undefined) return whenEmpty
    const known = words.find(candidate => candidate === word)
    if (known === undefined) site.refuse(refusal(word))
    return known ?? whenEmpty ?? words[0]
  })
}

/** The discriminator of a union: whoever chose the table has read it already. */
export function constant<const T extends string>(value: T): Key<T> {
  return key({}, same, () => value)
}

/** `ini` names a key with a comma list. */
export function list<T>(
  item: Pick<Key<T>, 'decode'>,
  extra: Extra<readonly T[]> = {},
): Key<readonly T[]> {
  return key(extra, commaList, (raw, site) => {
    if (raw === undefined) return []
    if (Array.isArray(raw)) return raw.map((value, i) => item.decode(value, site.at(i)))
    mismatch(site, raw, 'list', 'a list')
    return []
  })
}

export function texts(extra: Extra<readonly string[]> = {}): Key<readonly string[]> {
  return list(text(''), extra)
}

/** Texts by name. `ini` is a function here: INI has families of keys (`meta_X`). */
export function map(extra: Extra<StringMap> = {}): Key<StringMap> {
  return mapOf(text(''), extra)
}

export function mapOf<T>(
  item: Key<T>,
  extra: Extra<Readonly<Record<string, T>>> = {},
): Key<Readonly<Record<string, T>>> {
  return key(extra, same, (raw, site) => {
    if (raw === undefined) return {}
    if (!isRecord(raw)) {
      mismatch(site, raw, 'map', 'a table')
      return {}
    }
    // fromEntries, since an assignment would not make a key `__proto__`.
    return Object.fromEntries(
      Object.entries(raw).map(([name, value]) => [name, item.decode(value, site.at(name))]),
    )
  })
}

export interface ObjectOptions<T> {
  /** Defaults that depend on other keys, and checks over several keys. */
  readonly complete?: (value: T, site: Site) => T
  /** Keys that are known and have no meaning. */
  readonly ignored?: readonly string[]
  readonly ini?: IniSource
}

/** An object that is always there, with its defaults. */
export function object<T extends object>(table: Table<T>, options: ObjectOptions<T> = {}): Key<T> {
  const decoded = key<T>({}, same, (raw, site) => {
    const value = decodeTable(table, raw ?? {}, site, options.ignored)
    return options.complete?.(value, site) ?? value
  })
  return { ...decoded, table, ini: options.ini }
}

/** An object whose presence means something. */
export function optional<T extends object>(
  table: Table<T>,
  options: ObjectOptions<T> = {},
): Key<T | undefined> {
  const present = object(table, options)
  const decoded = key<T | undefined>({}, same, (raw, site) =>
    raw === undefined ? undefined : present.decode(raw, site),
  )
  return { ...decoded, ini: options.ini }
}

/** A value read by one key and turned into another; what `turn` refuses it tells `site`. */
export function turned<A, B>(
  from: Key<A>,
  turn: (value: A, site: Site) => B,
  ini: IniSource | undefined = from.ini,
): Key<B> {
  return { ini, fromIni: from.fromIni, decode: (raw, site) => turn(from.decode(raw, site), site) }
}

/** Keys match without regard to case; unknown ones are told with the nearest known one. */
export function decodeTable<T extends object>(
  table: Table<T>,
  raw: unknown,
  site: Site,
  ignored: readonly string[] = [],
): T {
  const names = Object.keys(table)
  const canonical = new Map([...ignored, ...names].map(name => [name.toLowerCase(), name]))
  const found = new Map<string, { written: string; value: unknown }>()
  if (isRecord(raw)) {
    for (const [written, value] of Object.entries(raw)) {
      const name = canonical.get(written.toLowerCase())
      if (name === undefined) unknownField(site, written, names)
      else if (value !== undefined && value !== null) found.set(name, { written, value })
    }
  } else {
    mismatch(site, raw, 'object', 'a table')
  }
  const keys: [string, Key<unknown>][] = Object.entries(table)
  const entries = keys.map(([name, kind]) => {
    const { written, value } = found.get(name) ?? { written: name, value: undefined }
    return [name, kind.decode(value, site.at(written))]
  })
  return Object.fromEntries(entries) as T // a Table<T> has every key of T, and each gives its type
}

function unknownField(site: Site, written: string, names: readonly string[]): void {
  const { strict, hint } = site.options
  const advice = site.isCrowded ? undefined : (hint?.(written, site.path) ?? guess(written, names))
  const parent = site.path.slice(firstNamed(site)).join('.')
  const place = parent === '' ? '' : ` in ${parent}`
  const message = `unknown field "${written}"${place}${advice === undefined ? '' : `; ${advice}`}`
  const at = site.at(written)
  if (strict) at.fail(message)
  else at.warn(`${message} (ignored)`)
}

function guess(written: string, names: readonly string[]): string | undefined {
  const near = nearest(written, names)
  return near === undefined ? undefined : `did you mean "${near}"?`
}

function textOf(raw: unknown, site: Site): string {
  if (raw === undefined) return ''
  if (typeof raw === 'string') return raw
  mismatch(site, raw, 'string', 'a text in quotes')
  return ''
}

/** frp's words, then what would be right. The value itself is not shown: it may be a secret. */
function mismatch(site: Site, raw: unknown, goType: string, wanted: string): void {
  const path = site.path.slice(firstNamed(site))
  const field = path.join('.')
  const given = kindOf(raw)
  if (field === '') site.fail(`cannot unmarshal ${given} into ${goType}; ${wanted} is needed`)
  else site.fail(`field "${field}": cannot unmarshal ${given} into ${goType}; ${wanted} is needed`)
}

/**
 * Within a proxy or visitor the path in the message begins after `proxies[0]`, which stands before
 * it.
 */
function firstNamed({ path }: Site): number {
  return (path[0] === 'proxies' || path[0] === 'visitors') && path.length > 1 ? 2 : 0
}

function kindOf(raw: unknown): string {
  if (raw instanceof OddNumber) return `number ${raw.text}`
  if (Array.isArray(raw)) return 'array'
  if (typeof raw === 'object') return 'object'
  if (typeof raw === 'number') return Number.isInteger(raw) ? 'number' : `number ${raw}`
  return typeof raw === 'boolean' ? 'bool' : typeof raw
}

function same(value: string): string {
  return value
}

/** `a, b` as a list; an empty text is an empty list. */
export function commaList(value: string): string[] {
  return value === '' ? [] : value.split(',').map(item => item.trim())
}
