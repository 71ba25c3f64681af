// frpc dies without a word: its ports are free as soon as its transport tells of it.

import { once } from 'node:events'
import net from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createServer, type RawValues, type Server, serverConfigFromValues } from '../../lib/index.ts'
import { quicSupport } from '../../lib/transport/quic.ts'
import { freePorts } from '../../bench/peers/free-ports.ts'
import { Running } from '../cli/program.ts'

const support = await quicSupport()

interface Pair {
  readonly server: Server
  readonly frpc: Running
  /** Its config. */
  readonly path: string
  readonly publicPort: number
}

async function open(t: Test, protocol: string, quic: RawValues): Promise<Pair> {
  const values = { bindAddr: '127.0.0.1', bindPort: 0, transport: { quic } }
  const server = createServer(serverConfigFromValues(values).config)
  t.teardown(() => server.close({ graceMs: 0 }))
  await server.start()
  const [publicPort = 0] = await freePorts(1)
  const path = join(t.testdir({}), 'frpc.json')
  const { tcp, quic: udp } = server.addresses()
  const file = {
    serverAddr: '127.0.0.1',
    serverPort: (protocol === 'quic' ? udp : tcp)?.port,
    transport: { protocol, quic },
    proxies: [{ name: 'door', type: 'tcp', localPort: 1, remotePort: publicPort }],
  }
  writeFileSync(path, JSON.stringify(file))
  const frpc = new Running('frpc', ['-c', path])
  t.teardown(() => frpc.kill())
  await frpc.printed('[door] start proxy success')
  return { server, frpc, path, publicPort }
}

/** Milliseconds from the kill to the logout; the port must be free then. */
async function killAndWait(t: Test, { server, frpc, publicPort }: Pair): Promise<number> {
  const gone = once(server, 'logout')
  const killedAt = performance.now()
  frpc.signal('SIGKILL')
  await gone
  const tookMs = performance.now() - killedAt
  const listener = net.createServer().listen(publicPort, '127.0.0.1')
  t.teardown(() => listener.close())
  await once(listener, 'listening')
  t.strictSame(server.clients(), [])
  return tookMs
}

t.test('over TCP the ports of a killed frpc are free at once', async t => {
  const tookMs = await killAndWait(t, await open(t, 'tcp', {}))
  t.ok(tookMs < 2_000, `it took ${Math.round(tookMs)} ms`)
})

const skip = support === true ? false : support

t.test('over QUIC they are free within 2 s of the idle time-out', { skip }, async t => {
  const pair = await open(t, 'quic', { maxIdleTimeout: 2, keepalivePeriod: 1 })
  const tookMs = await killAndWait(t, pair)
  t.ok(tookMs < 4_000, `it took ${Math.round(tookMs)} ms`)
})

t.test('over QUIC its proxies go to the frpc that takes its place, long before', { skip }, async t => {
  const { server, frpc, path } = await open(t, 'quic', {})
  const gone = once(server, 'logout')
  frpc.signal('SIGKILL')
  const next = new Running('frpc', ['-c', path])
  t.teardown(() => next.kill())
  await next.printed('[door] start proxy success')
  await gone
  t.equal(server.clients().length, 1)
  const third = new Running('frpc', ['-c', path])
  t.teardown(() => third.kill())
  await third.printed('proxy [door] already exists')
  t.notMatch(next.stdout, /closed|lost/, 'who is there keeps them')
})
