// What to say about an unknown key that is known somewhere else: the most frequent mistakes in
// frp's files.

import { clientTable } from './client.ts'
import type { KeyPath } from './document.ts'
import { proxyTables } from './proxies.ts'
import { serverTable } from './server.ts'
import { visitorTables } from './visitors.ts'

export function unknownKeyHint(
  side: 'server' | 'client',
): (key: string, path: KeyPath) => string | undefined {
  return (key, path) => {
    if (path.length === 0) return side === 'server' ? serverHint(key) : commonHint(key)
    const [kind] = path
    if (path.length === 2 && kind === 'proxies') return entryHint(key, proxyTables, 'proxies')
    if (path.length === 2 && kind === 'visitors') return entryHint(key, visitorTables, 'visitors')
    return undefined
  }
}

function serverHint(key: string): string | undefined {
  if (key === 'proxies' || key === 'visitors' || has(clientTable, key)) {
    return `"${key}" belongs into the file of frpc`
  }
  return undefined
}

function commonHint(key: string): string | undefined {
  if (has(serverTable, key)) return `"${key}" belongs into the file of frps`
  if (typesWith(proxyTables, key).length > 0) return `"${key}" belongs into a [[proxies]] entry`
  if (typesWith(visitorTables, key).length > 0) return `"${key}" belongs into a [[visitors]] entry`
  return undefined
}

function entryHint(
  key: string,
  tables: Readonly<Record<string, object>>,
  kind: 'proxies' | 'visitors',
): string | undefined {
  const types = typesWith(tables, key)
  if (types.length > 0) return `"${key}" is a key of type ${types.join(', ')}`
  if (has(clientTable, key)) {
    return `"${key}" is a key of the whole file: in TOML it stands before the first [[${kind}]]`
  }
  return undefined
}

function typesWith(tables: Readonly<Record<string, object>>, key: string): string[] {
  return Object.keys(tables).filter(type => has(tables[type] ?? {}, key))
}

function has(table: object, key: string): boolean {
  return Object.keys(table).some(name => name.toLowerCase() === key.toLowerCase())
}
