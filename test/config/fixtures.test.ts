import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { clientTable } from '../../lib/config/client.ts'
import { isRecord } from '../../lib/config/document.ts'
import { loadClientConfig } from '../../lib/config/index.ts'
import { pluginTables } from '../../lib/config/plugins.ts'
import { proxyTables } from '../../lib/config/proxies.ts'
import { readDocument } from '../../lib/config/read.ts'
import type { Key } from '../../lib/config/schema.ts'
import { serverTable } from '../../lib/config/server.ts'
import { visitorTables } from '../../lib/config/visitors.ts'
import { loadOptions, outcome } from './outcome.ts'

// The compiled test runs in dist/test/config; the fixtures stay in the sources.
const folder = join(import.meta.dirname, '../../../test/fixtures/config')

/** Ours, or unable to be in one file with the others. */
const ABSENT = [
  'allowBench',
  'datagramSize',
  'localAddrPerUser',
  'natPortMapping',
  'network',
  'priority',
  'relay',
  'requireEndToEnd',
  'stunOtherAddr',
  'stunPort',
  'stunPublicAddr',
  'tokenSource',
  'type',
  'udpIdleTimeout',
  'udpMaxUsersPerIP',
  'udpMaxUsersPerProxy',
  'udpRedundancy',
]

function fixture(name: string): string {
  return readFileSync(join(folder, name), 'utf8')
}

/** Every path of keys in a table of the schema. */
function paths(table: object, prefix = ''): string[] {
  return Object.entries(table).flatMap(([name, key]: [string, Key<unknown>]) => {
    if (ABSENT.includes(name)) return []
    return key.table === undefined ? [prefix + name] : paths(key.table, `${prefix}${name}.`)
  })
}

function has(value: unknown, path: string): boolean {
  let at = value
  for (const name of path.split('.')) {
    if (!isRecord(at) || !Object.hasOwn(at, name)) return false
    at = at[name]
  }
  return true
}

async function valueOf(name: string): Promise<unknown> {
  return (await readDocument(fixture(name), name, loadOptions)).value
}

t.test('the examples are accepted but for parts that are not there yet', async t => {
  for (const file of ['frps.toml', 'frps.ini']) {
    t.equal((await outcome('frps', fixture(file), file)).refusal, undefined, file)
  }
  for (const file of ['frpc.toml', 'frpc.ini', 'frpc.yaml', 'frpc.json', 'template.toml']) {
    t.equal((await outcome('frpc', fixture(file), file)).refusal, undefined, file)
  }
})

t.test('frps.toml has every key of frps', async t => {
  const value = await valueOf('frps.toml')
  t.strictSame(
    paths(serverTable).filter(path => !has(value, path)),
    [],
  )
})

t.test('frpc.toml has every key of frpc, of each type of proxy, visitor and plugin', async t => {
  const value = await valueOf('frpc.toml')
  t.strictSame(
    paths(clientTable).filter(path => !has(value, path)),
    [],
  )
  const lists = isRecord(value) ? [value['proxies'], value['visitors']] : []
  const [proxies = [], visitors = []] = lists.map(list => (Array.isArray(list) ? list : []))
  const entries = new Map<string, unknown>([
    ...proxies.map(entry => [`proxy ${entry.type}`, entry] as const).reverse(),
    ...proxies.map(entry => [`plugin ${entry.plugin?.type}`, entry.plugin] as const),
    ...visitors.map(entry => [`visitor ${entry.type}`, entry] as const),
  ])
  const first = proxies[0]
  for (const [kind, tables] of Object.entries({ proxy: proxyTables, plugin: pluginTables })) {
    for (const [type, table] of Object.entries(tables)) {
      const entry = entries.get(`${kind} ${type}`)
      const missing = paths(table).filter(path => !has(entry, path) && !has(first, path))
      t.strictSame(missing, [], `${kind} ${type}`)
    }
  }
  for (const [type, table] of Object.entries(visitorTables)) {
    const entry = entries.get(`visitor ${type}`)
    const missing = paths(table).filter(path => !has(entry, path) && !has(visitors[0], path))
    t.strictSame(missing, [], `visitor ${type}`)
  }
})

t.test('the seed of the project works as it is', async t => {
  const { config, proxies, warnings } = await loadClientConfig(
    join(folder, 'seed.ini'),
    loadOptions,
  )
  t.match(warnings, [/^ini format is deprecated/])
  t.match(config, { serverAddr: 'x.x.x.x', serverPort: 7000, transport: { protocol: 'auto' } })
  t.match(proxies, [
    { name: 'ssh', type: 'tcp', localIP: '127.0.0.1', localPort: 22, remotePort: 6000 },
    { name: 'http', type: 'tcp', localIP: '127.0.0.1', localPort: 80, remotePort: 6001 },
  ])
})

t.test('a template makes proxies from number ranges and the environment', async t => {
  const { config, proxies } = await loadClientConfig(join(folder, 'template.toml'), loadOptions)
  t.equal(config.serverAddr, 'value')
  t.match(proxies, [
    { name: 'tcp-6000', localPort: 6000, remotePort: 16_000 },
    { name: 'tcp-6001', localPort: 6001, remotePort: 16_001 },
    { name: 'tcp-6002', localPort: 6002, remotePort: 16_002 },
    { name: 'tcp-7000', localPort: 7000, remotePort: 17_000 },
  ])
})

t.test('YAML anchors and merge keys reach the proxy', async t => {
  const { config, proxies } = await loadClientConfig(join(folder, 'frpc.yaml'), loadOptions)
  t.equal(config.transport.tls.enable, false)
  t.strictSame(
    proxies.map(proxy => proxy.transport.useCompression),
    [true, false],
  )
})
