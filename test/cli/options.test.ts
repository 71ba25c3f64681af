// From a command line to the configuration that it means (frp-surface.md §1.2, §1.4).

import t from 'tap'
import { CLIENT_FLAGS, SERVER_FLAGS, TCP_FLAGS } from '../../cli/flags.ts'
import {
  loadOptions,
  portProxyValues,
  type ServerFlags,
  serverValues,
  type TcpFlags,
  wantsJsonLogs,
} from '../../cli/options.ts'
import { runProgram } from '../../cli/program.ts'
import { clientConfigFromValues, serverConfigFromValues } from '../../lib/config/index.ts'

async function serverFlags(line: string): Promise<ServerFlags> {
  let flags: ServerFlags | undefined
  const run = async (read: ServerFlags): Promise<number> => {
    flags = read
    return 0
  }
  const program = { name: 'frps', description: '', flags: SERVER_FLAGS, run, commands: [] }
  await runProgram(program, line.split(' ').filter(Boolean))
  if (!flags) throw new Error(`not run: ${line}`)
  return flags
}

async function tcpFlags(line: string): Promise<TcpFlags> {
  let flags: TcpFlags | undefined
  const run = async (read: TcpFlags): Promise<number> => {
    flags = read
    return 0
  }
  const tcp = { name: 'tcp', description: '', flags: TCP_FLAGS, run }
  const program = { name: 'frpc', description: '', flags: CLIENT_FLAGS, run, commands: [tcp] }
  await runProgram(program, ['tcp', ...line.split(' ').filter(Boolean)])
  if (!flags) throw new Error(`not run: ${line}`)
  return flags
}

t.test('frps without flags has the defaults of frp', async t => {
  const { config } = serverConfigFromValues(serverValues(await serverFlags('')))
  t.match(config, {
    bindAddr: '0.0.0.0',
    bindPort: 7000,
    proxyBindAddr: '0.0.0.0',
    allowPorts: [],
    maxPortsPerClient: 0,
    transport: { tls: { force: false } },
    webServer: { port: 0 },
    log: { to: 'console', level: 'info', maxDays: 3, disablePrintColor: false },
  })
  t.equal(config.auth.token.isEmpty, true)
})

t.test('each flag of frps sets its key', async t => {
  const { config } = serverConfigFromValues(
    serverValues(
      await serverFlags(
        '--bind_addr 127.0.0.1 -p 7001 --quic_bind_port 7002 ' +
          '--proxy_bind_addr 127.0.0.2 -t secret ' +
          '--allow_ports 1000-2000,3000 --max_ports_per_client 5 --tls_only --subdomain_host a.b ' +
          '--log_file x.log --log_level debug --log_max_days 9 --disable_log_color=1',
      ),
    ),
  )
  t.match(config, {
    bindAddr: '127.0.0.1',
    bindPort: 7001,
    quicBindPort: 7002,
    proxyBindAddr: '127.0.0.2',
    allowPorts: [
      { start: 1000, end: 2000 },
      { start: 3000, end: 3000 },
    ],
    maxPortsPerClient: 5,
    subDomainHost: 'a.b',
    transport: { tls: { force: true } },
    log: { to: 'x.log', level: 'debug', maxDays: 9, disablePrintColor: true },
  })
  t.equal(config.auth.token.reveal(), 'secret')
})

t.test('a flag of a part that does not exist yet is told, not silently ignored', async t => {
  const warningsOf = async (line: string): Promise<string> => {
    return serverConfigFromValues(serverValues(await serverFlags(line))).warnings.join('\n')
  }
  t.equal(await warningsOf(''), '')
  const line = '--dashboard_port 7500 --enable_prometheus --kcp_bind_port 7000'
  const told = await warningsOf(line)
  for (const part of [/webServer/, /enablePrometheus/, /KCP/]) t.match(told, part)
})

t.test('port 0 is the default port, as with frp', async t => {
  const { config } = serverConfigFromValues(serverValues(await serverFlags('-p 0')))
  t.equal(config.bindPort, 7000)
})

t.test('each flag of frpc tcp sets its key', async t => {
  const { config, proxies } = clientConfigFromValues(
    portProxyValues(
      await tcpFlags(
        '-s 10.0.0.1 -P 7001 -p tcp -u me -t secret --client-id id ' +
          '--tls_enable=false --tls_server_name host -n ssh -i 127.0.0.2 -l 22 -r 6000 --ue --uc ' +
          '--bandwidth_limit 1MB --bandwidth_limit_mode server --metadatas a=1,b=2 ' +
          '--metadatas c=x=y --annotations k=v',
      ),
      'tcp',
    ),
  )
  t.match(config, {
    serverAddr: '10.0.0.1',
    serverPort: 7001,
    user: 'me',
    clientID: 'id',
    transport: { protocol: 'tcp', tls: { enable: false, serverName: 'host' } },
  })
  t.equal(config.auth.token.reveal(), 'secret')
  t.match(proxies, [
    {
      name: 'ssh',
      type: 'tcp',
      localIP: '127.0.0.2',
      localPort: 22,
      remotePort: 6000,
      metadatas: { a: '1', b: '2', c: 'x=y' },
      annotations: { k: 'v' },
      transport: {
        useEncryption: true,
        useCompression: true,
        bandwidthLimit: { text: '1MB', bytesPerSecond: 1024 * 1024 },
        bandwidthLimitMode: 'server',
      },
    },
  ])
})

t.test('frpc udp has the flags of frpc tcp', async t => {
  const values = portProxyValues(await tcpFlags('-n game -l 27015 -r 27015'), 'udp')
  t.match(clientConfigFromValues(values).proxies, [
    { name: 'game', type: 'udp', localPort: 27_015, remotePort: 27_015, udpIdleTimeout: 30 },
  ])
})

t.test('frpc tcp without --protocol tries QUIC first, with it obeys', async t => {
  const protocol = async (line: string): Promise<string> =>
    clientConfigFromValues(portProxyValues(await tcpFlags(line), 'tcp')).config.transport.protocol
  t.equal(await protocol('-n a -l 1'), 'auto')
  t.equal(await protocol('-n a -l 1 --protocol quic'), 'quic')
  t.equal(await protocol('-n a -l 1 -ptcp'), 'tcp')
})

t.test('strictness and unsafe features reach the loader', async t => {
  t.strictSame(loadOptions(await serverFlags(''), { A: 'b' }), {
    strict: true,
    env: { A: 'b' },
    allowUnsafe: [],
  })
  const flags = await serverFlags('--strict_config=f --allow-unsafe a,b --allow_unsafe=c')
  t.strictSame(loadOptions(flags, {}), { strict: false, env: {}, allowUnsafe: ['a', 'b', 'c'] })
})

t.test('JSON logs are a flag or an environment variable, the flag wins', async t => {
  const env = { QUICFRP_LOG_JSON: '1' }
  t.equal(wantsJsonLogs(await serverFlags(''), {}), false)
  t.equal(wantsJsonLogs(await serverFlags(''), env), true)
  t.equal(wantsJsonLogs(await serverFlags('--log_json'), {}), true)
  t.equal(wantsJsonLogs(await serverFlags('--log_json=false'), env), false)
})
