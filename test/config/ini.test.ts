import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseIni } from '../../lib/config/ini.ts'
import { clientFromIni, serverFromIni } from '../../lib/config/ini-document.ts'
import { parseClientConfig, parseServerConfig } from '../../lib/config/index.ts'
import { loadOptions } from './outcome.ts'

function keys(text: string, section = 'a'): Record<string, string> {
  const sections = parseIni(text, { isProbe: false })
  return Object.fromEntries(sections.get(section)?.entries() ?? [])
}

t.test('values lose quotes and keep everything after a #', t => {
  t.strictSame(keys('[a]\n  x = "1 # 2"\ny: \'b\'\nz = 7000 # note\nw = "a"b"\n; c\n# d\n'), {
    x: '1 # 2',
    y: 'b',
    z: '7000 # note',
    w: '"a"b"',
  })
  t.end()
})

t.test('a backslash continues, backticks span lines, a lone key is true', t => {
  t.strictSame(keys('[a]\nx = 1,\\\n  2\ny = `b\nc`\nz\n'), { x: '1,2', y: 'b\nc', z: 'true' })
  t.end()
})

t.test('a section that comes twice is merged, later keys win', t => {
  t.strictSame(keys('[a]\nx = 1\ny = 1\n[b]\n[a]\nx = 2\n'), { x: '2', y: '1' })
  t.end()
})

t.test('a child section inherits keys but not families', async t => {
  const text = '[common]\n[a]\nlocal_port = 1\nmeta_x = y\n[a.b]\nremote_port = 2\n'
  const { proxies } = await parseClientConfig(text, 'frpc.ini', loadOptions)
  t.match(proxies, [{ name: 'a' }, { name: 'a.b', localPort: 1, remotePort: 2 }])
  t.strictSame(proxies[1]?.metadatas, {})
  t.strictSame(proxies[0]?.metadatas, { x: 'y' })
})

t.test('a broken text names the line', t => {
  t.throws(() => parseIni('\n[a', { isProbe: false }), { message: /unclosed section/, line: 2 })
  t.throws(() => parseIni('x = """abc', { isProbe: false }), { message: /missing closing quote/ })
  t.throws(() => parseIni('= 1', { isProbe: false }), { message: /empty key name/ })
  t.throws(() => parseIni('x', { isProbe: true }), { message: /delimiter not found/ })
  t.end()
})

t.test(
  'a range section becomes one proxy for each port, with the other keys of the section',
  async t => {
    const text =
      '[common]\n[range:g]\nlocal_ip = h\nlocal_port = 1-2\nremote_port = 8,9\nmeta_a = b\n'
    const { proxies } = await parseClientConfig(text, 'frpc.ini', loadOptions)
    t.match(proxies, [
      { name: 'g_0', localIP: 'h', localPort: 1, remotePort: 8, metadatas: { a: 'b' } },
      { name: 'g_1', localIP: 'h', localPort: 2, remotePort: 9, metadatas: { a: 'b' } },
    ])
  },
)

t.test("numbers and booleans are read with Go's forms, wrong ones keep the default", async t => {
  const text = '[common]\nbind_port = 0x1F90\ntcp_mux = OFF\nmax_pool_count = 7 # seven\n'
  const { config, warnings } = await parseServerConfig(text, 'frps.ini', loadOptions)
  t.match(config, { bindPort: 8080, transport: { tcpMux: false, maxPoolCount: 5 } })
  t.match(warnings[0], /^ini format is deprecated/)
  t.match(warnings[1], /max_pool_count/)
  t.equal(warnings.length, 2)
})

t.test('common keys reach the nested configuration', async t => {
  const text =
    '[common]\nauthenticate_heartbeats = true\nallow_ports = 1-2,5\ntls_trusted_ca_file = ca\n' +
    'meta_x = 1\nlog_file = f\nquic_keepalive_period = 3\n'
  const { config } = await parseServerConfig(text, 'frps.ini', loadOptions)
  t.match(config, {
    auth: { additionalScopes: ['HeartBeats'] },
    allowPorts: [
      { start: 1, end: 2 },
      { start: 5, end: 5 },
    ],
    transport: { tls: { force: true }, quic: { keepalivePeriod: 3 } },
    log: { to: 'f' },
  })
})

t.test('a misspelt key is ignored, as by frp, but not without a word', async t => {
  const text =
    '[common]\nserver_prt = 1\nmeta_any = x\n[a]\ntype = tcp\nlocal_prot = 1\nremote_port = 2\n' +
    '[range:g]\nlocal_port = 1-3\nremote_port = 4-6\nsecret_thing = hidden\n'
  const { warnings } = await parseClientConfig(text, 'frpc.ini', loadOptions)
  t.strictSame(warnings.slice(1), [
    'frpc.ini:2: [common] unknown key "server_prt"; did you mean "server_port"? (ignored)',
    'frpc.ini:6: [a] unknown key "local_prot"; did you mean "local_port"? (ignored)',
    'frpc.ini:11: [g_0] unknown key "secret_thing" (ignored)',
  ])
})

t.test('no key of frp is called unknown', async t => {
  const read = { 'frps.ini': serverFromIni, 'frpc.ini': clientFromIni }
  for (const [name, fromIni] of Object.entries(read)) {
    const text = readFileSync(`test/fixtures/config/${name}`, 'utf8')
    const { warnings } = fromIni(parseIni(text, { isProbe: false }), name)
    t.strictSame(warnings, [], name)
  }
})
