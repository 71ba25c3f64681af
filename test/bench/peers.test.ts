import t from 'tap'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { parseClientConfig, parseServerConfig } from '../../lib/config/index.ts'
import {
  clientConfig,
  serverConfig,
  visitorConfig,
  type FrpTunnelOptions,
} from '../../bench/peers/frp-tunnel.ts'
import { choosePeers } from '../../bench/peers/index.ts'

const OPTIONS: FrpTunnelOptions = {
  peer: 'p',
  transport: 'quic',
  server: ['frps'],
  client: ['frpc'],
  extraConfig: ['transport.tcpMux = true'],
  hasUdp: true,
}
const WHERE = { host: '198.51.100.10', bind: 7000, source: 1, sink: 2, echo: 3, datagrams: 4 }
const READ = { strict: true, env: {}, allowUnsafe: [] }

t.test('both configs are read as they stand, with all doors', async t => {
  const { config } = await parseServerConfig(serverConfig(OPTIONS, WHERE), 'frps.toml', READ)
  t.match(config, { bindAddr: WHERE.host, bindPort: 7000, quicBindPort: 7000 })
  const services = { source: 11, sink: 12, echo: 13, datagrams: 14 }
  const text = clientConfig(OPTIONS, WHERE, services)
  const { config: client, proxies } = await parseClientConfig(text, 'frpc.toml', READ)
  t.match(client, { serverAddr: WHERE.host, serverPort: 7000, transport: { protocol: 'quic' } })
  t.match(
    proxies.toSorted((a, b) => a.name.localeCompare(b.name)),
    [
      { name: 'datagrams', type: 'udp', localPort: 14, remotePort: 4 },
      { name: 'echo', type: 'tcp', localPort: 13, remotePort: 3 },
      { name: 'sink', type: 'tcp', localPort: 12, remotePort: 2 },
      { name: 'source', type: 'tcp', localPort: 11, remotePort: 1 },
    ],
  )
})

t.test('a peer without a door for datagrams publishes none', async t => {
  const { datagrams: _none, ...tcp } = WHERE
  const text = clientConfig(OPTIONS, tcp, { source: 11, sink: 12, echo: 13, datagrams: 14 })
  t.notMatch(text, /udp/)
})

t.test('lines for the udp proxy stand in it', async t => {
  const services = { source: 11, sink: 12, echo: 13, datagrams: 14 }
  const udpConfig = ['transport.udpRedundancy = 0']
  const text = clientConfig({ ...OPTIONS, udpConfig }, WHERE, services)
  const { proxies } = await parseClientConfig(text, 'frpc.toml', READ)
  const udp = proxies.find(({ name }) => name === 'datagrams')
  t.match(udp, { type: 'udp', transport: { udpRedundancy: 0 } })
})

t.test('secret proxies have their doors at a visitor', async t => {
  const services = { source: 11, sink: 12, echo: 13, datagrams: 14 }
  const options = { ...OPTIONS, isSecret: true }
  const owner = await parseClientConfig(clientConfig(options, WHERE, services), 'frpc.toml', READ)
  const user = await parseClientConfig(visitorConfig(options, WHERE), 'visitor.toml', READ)
  const keys = new Set<string>()
  for (const { name, bindPort } of [
    { name: 'datagrams', bindPort: 4 },
    { name: 'echo', bindPort: 3 },
    { name: 'sink', bindPort: 2 },
    { name: 'source', bindPort: 1 },
  ]) {
    const proxy = owner.proxies.find(one => one.name === name)
    const visitor = user.visitors.find(one => one.serverName === name)
    const type = name === 'datagrams' ? 'sudp' : 'stcp'
    t.match(visitor, { type, bindAddr: '127.0.0.1', bindPort })
    t.equal(visitor?.type, proxy?.type)
    if (proxy !== undefined && 'secretKey' in proxy) keys.add(proxy.secretKey.reveal())
    keys.add(visitor?.secretKey.reveal() ?? '')
  }
  t.equal(keys.size, 1)
})

t.test('a folder is a real frp, a file is rathole, ours come first and direct last', async t => {
  const script = '#!/bin/sh\necho 9.9.9\n'
  const folder = t.testdir({ frps: script, frpc: script, rathole: script })
  const rathole = join(folder, 'rathole')
  for (const name of ['frps', 'frpc', 'rathole']) chmodSync(join(folder, name), 0o755)
  const peers = choosePeers({ peers: [folder, rathole] }, {}, 'lab')
  t.strictSame(
    peers.map(({ name, transport }) => [name, transport]),
    [
      ['ours-quic', 'quic'],
      ['ours-tcp', 'tcp'],
      ['frp-quic', 'quic'],
      ['frp-tcp', 'tcp'],
      ['frp-kcp', 'kcp'],
      ['rathole', 'tcp'],
      ['direct', 'none'],
    ],
  )
  t.match(peers[2]?.description, /^frp 9\.9\.9, quic/)
  t.throws(() => choosePeers({ peers: [folder, folder] }, {}, 'lab'), /two of them are frp-quic/)
})

t.test('binaries that tell no version are named', async t => {
  const broken = '#!/bin/sh\nexit 1\n'
  const folder = t.testdir({ frps: broken, frpc: broken })
  for (const name of ['frps', 'frpc']) chmodSync(join(folder, name), 0o755)
  t.throws(() => choosePeers({ peers: [folder] }, {}, 'lab'), /does not tell its version/)
})
