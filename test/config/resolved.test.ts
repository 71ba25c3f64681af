import t from 'tap'
import {
  clientConfigFromValues,
  loadClientConfig,
  parseClientConfig,
  parseServerConfig,
  serverConfigFromValues,
} from '../../lib/config/index.ts'
import { loadOptions } from './outcome.ts'

t.test("an empty server file gives frp's defaults", async t => {
  const { config, warnings } = await parseServerConfig('', 'frps', loadOptions)
  t.strictSame(warnings, [])
  t.match(config, {
    bindAddr: '0.0.0.0',
    bindPort: 7000,
    quicBindPort: 0,
    proxyBindAddr: '0.0.0.0',
    allowPorts: [],
    userConnTimeout: 10,
    udpPacketSize: 1500,
    udpMaxUsersPerProxy: 16_384,
    udpMaxUsersPerIP: 4_096,
    natholeAnalysisDataReserveHours: 168,
    detailedErrorsToClient: true,
    log: { to: 'console', level: 'info', maxDays: 3, disablePrintColor: false },
    transport: {
      tcpMux: true,
      tcpMuxKeepaliveInterval: 30,
      tcpKeepalive: 7200,
      maxPoolCount: 5,
      heartbeatTimeout: -1,
      quic: {
        keepalivePeriod: 10,
        maxIdleTimeout: 30,
        maxIncomingStreams: 100_000,
        datagramSize: 0,
      },
      tls: { force: false },
    },
    webServer: { addr: '127.0.0.1', port: 0, tls: undefined },
  })
})

t.test(
  "an empty client file gives frp's defaults, but the protocol is chosen at run time",
  async t => {
    const { config } = await parseClientConfig('', 'frpc', loadOptions)
    t.match(config, {
      serverAddr: '0.0.0.0',
      serverPort: 7000,
      loginFailExit: true,
      natHoleStunServer: 'stun.easyvoip.com:3478',
      transport: {
        protocol: 'auto',
        wireProtocol: 'v1',
        dialServerTimeout: 10,
        dialServerKeepalive: 7200,
        poolCount: 1,
        tcpMux: true,
        heartbeatInterval: -1,
        heartbeatTimeout: -1,
        tls: { enable: true, disableCustomTLSFirstByte: true },
      },
    })
  },
)

t.test('defaults that depend on other keys follow them', async t => {
  const server = await parseServerConfig(
    'bindAddr = "127.0.0.1"\ntransport.tcpMux = false\ntransport.tls.trustedCaFile = "ca"',
    'frps',
    loadOptions,
  )
  t.equal(server.config.proxyBindAddr, '127.0.0.1')
  t.equal(server.config.transport.heartbeatTimeout, 90)
  t.equal(server.config.transport.tls.force, true)
  const client = await parseClientConfig('transport.tcpMux = false', 'frpc', loadOptions)
  t.equal(client.config.transport.heartbeatInterval, 30)
  t.equal(client.config.transport.heartbeatTimeout, 90)
})

t.test('zero and the empty text mean the default in a file', async t => {
  const text = 'bindPort = 0\nbindAddr = ""\nlog.maxDays = 0\ntransport.maxPoolCount = 0'
  const { config } = await parseServerConfig(text, 'frps', loadOptions)
  t.match(config, { bindPort: 7000, bindAddr: '0.0.0.0', log: { maxDays: 3 } })
  t.equal(config.transport.maxPoolCount, 5)
})

t.test('QUIC is off where KCP holds its UDP port, and the warnings say so', async t => {
  const { config, warnings } = await parseServerConfig('kcpBindPort = 7000', 'frps', loadOptions)
  t.equal(config.quicBindPort, -1)
  t.match(warnings.join('\n'), /QUIC is off: kcpBindPort holds UDP port 7000/)
  t.match(warnings.join('\n'), /KCP is not available yet/)
  const apart = await parseServerConfig('kcpBindPort = 7001', 'frps', loadOptions)
  t.equal(apart.config.quicBindPort, 0)
})

t.test('the dashboard is ignored with a warning, since the tunnel works without it', async t => {
  const { warnings } = await parseServerConfig(
    'webServer.port = 7500\nenablePrometheus = true',
    'frps.toml',
    loadOptions,
  )
  t.strictSame(warnings, [
    'frps.toml:1: the dashboard is not available yet; webServer is ignored',
    'frps.toml:2: the dashboard is not available yet; enablePrometheus is ignored',
  ])
})

t.test('allowPorts knows ranges and single ports', async t => {
  const text = 'allowPorts = [{start = 1, end = 2}, {single = 3}, {start = 5, end = 4, single = 0}]'
  const { config } = await parseServerConfig(text, 'frps', loadOptions)
  t.strictSame(config.allowPorts, [
    { start: 1, end: 2 },
    { start: 3, end: 3 },
    { start: 5, end: 4 },
  ])
})

t.test('values of a program can ask for port 0, and wrong keys throw', t => {
  t.equal(serverConfigFromValues({ bindPort: 0 }).config.bindPort, 0)
  t.equal(serverConfigFromValues({}).config.bindPort, 7000)
  t.throws(() => serverConfigFromValues({ bindPrt: 1 }), {
    code: 'CONFIG_INVALID',
    message: /^unknown field "bindPrt"; did you mean "bindPort"\?/,
  })
  const { config, proxies } = clientConfigFromValues({
    common: { serverAddr: 'h', auth: { token: 'x' } },
    proxies: [{ name: 'a', type: 'tcp', localPort: 1, transport: { bandwidthLimit: '1.5MB' } }],
  })
  t.equal(config.auth.token.reveal(), 'x')
  t.match(proxies, [
    {
      name: 'a',
      localIP: '127.0.0.1',
      remotePort: 0,
      transport: {
        bandwidthLimit: { text: '1.5MB', bytesPerSecond: 1_572_864 },
        bandwidthLimitMode: 'client',
      },
    },
  ])
  t.end()
})

t.test('start and enabled leave out proxies and visitors', async t => {
  const entry = (name: string, more = ''): string =>
    `[[proxies]]\nname = "${name}"\ntype = "tcp"\n${more}\n`
  const text = `start = ["a", "c"]\n${entry('a')}${entry('b')}${entry('c', 'enabled = false')}`
  const { proxies } = await parseClientConfig(text, 'frpc', loadOptions)
  t.strictSame(
    proxies.map(proxy => proxy.name),
    ['a'],
  )
})

t.test('the datagram size is bounded by what QUIC and UDP allow', async t => {
  const key = 'transport.quic.datagramSize'
  const { config } = await parseServerConfig(`${key} = 65507`, 'frps', loadOptions)
  t.equal(config.transport.quic.datagramSize, 65_507)
  for (const bytes of [-1, 1199, 65_508]) {
    await t.rejects(parseServerConfig(`${key} = ${bytes}`, 'frps', loadOptions), {
      message: new RegExp(`${key}: ${bytes} must be 0 .* or in the range 1200..65507`),
    })
  }
})

t.test('a proxy of the environment is told, not obeyed', async t => {
  const env = { http_proxy: 'http://user:pw@proxy' }
  const { warnings } = await parseClientConfig('', 'frpc', { ...loadOptions, env })
  t.match(warnings.join(), /http_proxy is ignored/)
  t.notMatch(warnings.join(), /pw/)
})

t.test('includes give their proxies after the main file, in order of name', async t => {
  const proxy = (name: string): string => `[[proxies]]\nname = "${name}"\ntype = "tcp"\n`
  const folder = t.testdir({
    'b.toml': proxy('b'),
    'a.yaml': 'serverPort: 1\nproxies:\n- {name: a, type: tcp}\n',
    'c.txt': proxy('c'),
    sub: { 'd.toml': proxy('d') },
    'main.toml': '',
  })
  const main = `includes = ["${folder}/*.toml", "${folder}/[a]*"]\n${proxy('m')}`
  const { config, proxies } = await parseClientConfig(main, 'frpc', loadOptions)
  t.strictSame(
    proxies.map(({ name }) => name),
    ['m', 'b', 'a'],
  )
  t.equal(config.serverPort, 7000)
})

t.test('mistakes in includes name the included file', async t => {
  const folder = t.testdir({ 'a.toml': '\n[[proxies]]\nname = "a"\ntype = "tcp"\nlocalprt = 1' })
  const load = (pattern: string): Promise<unknown> =>
    parseClientConfig(`includes = ["${pattern}"]`, 'frpc', loadOptions)
  await t.rejects(load(`${folder}/a.toml`), {
    message: /a\.toml:5: proxies\[0\] "a": unknown field "localprt"; did you mean "localPort"\?/,
  })
  await t.rejects(load(`${folder}/none/*`), { message: /stat .*none: no such file or directory/ })
  await t.resolves(load(`${folder}/none*`))
})

t.test('INI includes add sections and keys', async t => {
  const folder = t.testdir({ 'x.ini': '[a]\nremote_port = 5\n[b]\nlocal_port = 2\n' })
  const text = `[common]\nincludes = ${folder}/*.ini\n[a]\nlocal_port = 1\n`
  const { proxies } = await parseClientConfig(text, 'frpc.ini', loadOptions)
  t.match(proxies, [
    { name: 'a', localPort: 1, remotePort: 5 },
    { name: 'b', localPort: 2, remotePort: 0 },
  ])
})

t.test('a file that is not there is named', async t => {
  await t.rejects(loadClientConfig('/nowhere/frpc.toml', loadOptions), {
    code: 'CONFIG_INVALID',
    message: /open \/nowhere\/frpc\.toml: no such file or directory/,
  })
})
