import { once } from 'node:events'
import { platform } from 'node:os'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import { acceptFlowLink, type Flow, type FlowLink, openFlowLink } from '../../lib/datagram/index.ts'
import { silentLogger } from '../../lib/log.ts'
import { UdpService, type UdpServiceOptions } from '../../lib/proxy/udp-service.ts'
import { memoryPair } from '../../lib/transport/memory.ts'
import { udpService } from '../compliance/udp.ts'

const USER = { ip: '203.0.113.9', port: 5_555 }

interface World {
  readonly clock: ManualClock
  readonly service: UdpService
  readonly lines: string[]
  /** A new link to the service, as after a reconnect; gives the server's end. */
  link(): Promise<FlowLink>
}

function world(t: Test, localPort: number, options: Partial<UdpServiceOptions> = {}): World {
  const clock = new ManualClock()
  const lines: string[] = []
  const line = (text: string): void => void lines.push(text)
  const log = { ...silentLogger, info: line, warn: line, error: line }
  const service = new UdpService({
    localIP: '127.0.0.1',
    localPort,
    idleMs: 30_000,
    proxyProtocolVersion: '',
    localAddrPerUser: false,
    clock,
    ...options,
  })
  t.teardown(() => service.close())
  return {
    clock,
    service,
    lines,
    async link() {
      const [client, server] = memoryPair()
      const arrived = new Promise<Duplex>(resolve => client.onStream(resolve))
      const stream = await server.openStream()
      const opening = openFlowLink({ stream, session: server, clock })
      const accepted = acceptFlowLink({ stream: await arrived, session: client, clock })
      void accepted.then(link => service.serve(link, log))
      return await opening
    },
  }
}

async function ask(flow: Flow | undefined, text: string): Promise<string> {
  const answer = new Promise<string>(resolve => flow?.onPacket(payload => resolve(String(payload))))
  flow?.send(Buffer.from(text))
  return answer
}

t.test('a player keeps his port at the service when the tunnel comes back', async t => {
  const local = await udpService(t)
  const { link, service } = world(t, local.port)
  const first = await link()
  t.equal(await ask(first.open(USER), 'one'), 'one')
  first.close()
  const second = await link()
  t.equal(await ask(second.open(USER), 'two'), 'two')
  t.equal(local.seen.size, 1)
  t.equal(service.userCount, 1)
})

t.test('a new link ends the one before', async t => {
  const local = await udpService(t)
  const { link } = world(t, local.port)
  const first = await link()
  await link()
  t.match(await first.closed, /reset|closed/)
})

t.test('a player whom the server gives up loses his port', async t => {
  const local = await udpService(t)
  const { link, service } = world(t, local.port)
  const server = await link()
  const flow = server.open(USER)
  await ask(flow, 'one')
  flow?.close()
  await new Promise(setImmediate)
  t.equal(service.userCount, 0)
  t.equal(await ask(server.open(USER), 'two'), 'two')
  t.equal(local.seen.size, 2)
})

t.test('a player who is silent too long is forgotten, and the server hears of it', async t => {
  const local = await udpService(t)
  const { link, service, clock } = world(t, local.port, { idleMs: 5_000 })
  const server = await link()
  const flow = server.open(USER)
  await ask(flow, 'one')
  const ended = new Promise(resolve => flow?.onClose(resolve))
  clock.advance(4_000)
  await ask(flow, 'two')
  clock.advance(4_000)
  t.equal(service.userCount, 1)
  clock.advance(2_000)
  t.equal(service.userCount, 0)
  t.equal(await ended, 'peer')
})

t.test('a service that is down is named once in ten seconds', async t => {
  const local = await udpService(t)
  local.socket.close()
  await once(local.socket, 'close')
  const { link, lines, clock } = world(t, local.port)
  const flow = (await link()).open(USER)
  const where = `[127.0.0.1:${local.port}]`
  const line = `udp packets to local service ${where} are lost: nothing listens there`
  while (lines.length === 0) {
    flow?.send(Buffer.from('anyone?'))
    await new Promise(setImmediate)
  }
  for (let i = 0; i < 50; i++) {
    flow?.send(Buffer.from('anyone?'))
    await new Promise(setImmediate)
  }
  t.strictSame(lines, [line])
  clock.advance(10_000)
  while (lines.length === 1) {
    flow?.send(Buffer.from('anyone?'))
    await new Promise(setImmediate)
  }
  t.strictSame(lines, [line, line])
})

const skip = platform() !== 'linux' && 'other systems have only 127.0.0.1'
t.test('players have loopback addresses of their own where asked for', { skip }, async t => {
  const local = await udpService(t)
  const { link, lines } = world(t, local.port, { localAddrPerUser: true })
  const server = await link()
  await ask(server.open(USER), 'one')
  await ask(server.open({ ...USER, port: 7 }), 'same address, another port')
  await ask(server.open({ ip: '198.51.100.7', port: 1 }), 'two')
  const ips = [...local.seen].map(seen => seen.split(':')[0])
  t.equal(local.seen.size, 3)
  t.equal(new Set(ips).size, 2)
  t.equal(lines[0], `new udp user [203.0.113.9:5555] is ${ips[0]} for the local service`)
})
