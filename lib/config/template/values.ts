// What a template expression can evaluate to, and how Go's fmt prints it (%v). Integers and floats
// are one JS number.

/** A Go struct: `.First` reads a field, an unknown field is an error. */
export class Struct {
  readonly typeName: string
  readonly fields: ReadonlyMap<string, Value>

  constructor(typeName: string, fields: ReadonlyMap<string, Value>) {
    this.typeName = typeName
    this.fields = fields
  }
}

export type Value =
  undefined | boolean | number | string | readonly Value[] | ReadonlyMap<string, string> | Struct

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

export function isMap(value: Value): value is ReadonlyMap<string, string> {
  return value instanceof Map
}

/** Go's rule: false, 0, nil and anything empty are false; a struct is true. */
export function isTrue(value: Value): boolean {
  if (isList(value)) return value.length > 0
  if (isMap(value)) return value.size > 0
  return value instanceof Struct || Boolean(value)
}

/** As `%v`. */
export function print(value: Value): string {
  if (value === undefined) return '<nil>'
  if (isList(value)) return `[${value.map(print).join(' ')}]`
  if (isMap(value)) {
    const pairs = sortedKeys(value).map(key => `${key}:${value.get(key) ?? ''}`)
    return `map[${pairs.join(' ')}]`
  }
  if (value instanceof Struct) return `{${[...value.fields.values()].map(print).join(' ')}}`
  return String(value)
}

export function sortedKeys(map: ReadonlyMap<string, string>): string[] {
  return [...map.keys()].sort()
}

/** The Go type's name, for error texts. */
export function typeName(value: Value): string {
  if (value === undefined) return '<nil>'
  if (isList(value)) return '[]int64'
  if (isMap(value)) return 'map[string]string'
  if (value instanceof Struct) return value.typeName
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64'
  return typeof value === 'boolean' ? 'bool' : 'string'
}
