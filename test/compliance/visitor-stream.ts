// What a proxy for visitors with byte streams and its visitor must do when all three places are ours,
// whatever carries it.

import t, { type Test } from 'tap'
import type { RawValues } from '../../lib/index.ts'
import {
  echo,
  type JoinedClient,
  openTunnel,
  payload,
  readAll,
  readBytes,
  service,
  sha256,
  type TransportChoice,
  type Tunnel,
  user,
} from './tunnel.ts'
import { LogLines } from '../client/scripted-server.ts'

const MIB = 1 << 20

export interface VisitChoice {
  /** Values of the proxy and of the visitor. */
  readonly proxy?: RawValues
  readonly visitor?: RawValues
  /** Default: stcp. */
  readonly type?: StreamVisitorType
  /** Of the two clients. */
  readonly owner?: RawValues
  readonly guest?: RawValues
}

export type StreamVisitorType = 'stcp' | 'xtcp'

export interface VisitTunnel {
  readonly tunnel: Tunnel
  readonly guest: JoinedClient
  /** Of the visitor's client. */
  readonly log: LogLines
  /** The visitor's local port. */
  readonly door: number
}

/** An owner with the proxy `secret` and another client with a visitor of it. */
export async function openVisit(
  t: Test,
  transport: TransportChoice,
  localPort: number,
  choice: VisitChoice = {},
): Promise<VisitTunnel> {
  const { type = 'stcp' } = choice
  const key = { type, secretKey: 'open sesame' }
  const log = new LogLines()
  const tunnel = await openTunnel(t, transport, {
    proxies: [{ name: 'secret', localPort, ...key, ...choice.proxy }],
    ...(choice.owner && { client: choice.owner }),
  })
  await tunnel.port('secret')
  const guest = await tunnel.join({
    visitors: [{ name: 'door', serverName: 'secret', ...key, ...choice.visitor }],
    clientOptions: { log: log.logger },
    ...(choice.guest && { client: choice.guest }),
  })
  return { tunnel, guest, log, door: await guest.door('door') }
}

export function visitorStreamSuite(transport: TransportChoice, type: StreamVisitorType): void {
  const title = (claim: string): string => `${type} over ${transport.name}: ${claim}`
  const open = (t: Test, localPort: number, choice: VisitChoice = {}): Promise<VisitTunnel> =>
    openVisit(t, transport, localPort, { ...choice, type })
  const wrongSecret =
    type === 'stcp'
      ? 'visitor connection of [secret]: auth failed; are type and secretKey the same'
      : 'are type and secretKey the same on both sides?'

  for (const [name, layers] of Object.entries({
    plain: {},
    compressed: { proxy: { transport: { useCompression: true } } },
  })) {
    t.test(title(`16 MiB each way at once arrive unchanged, ${name}`), async t => {
      const up = payload(16 * MIB)
      const down = payload(16 * MIB)
      let atService: Promise<Buffer> | undefined
      const localPort = await service(t, socket => {
        atService = readAll(socket)
        socket.end(down.bytes)
      })
      const { door, log } = await open(t, localPort, layers)
      const socket = await user(t, door)
      const received = readAll(socket)
      socket.end(up.bytes)
      t.equal(sha256(await received), down.sha256)
      t.equal(sha256((await atService) ?? Buffer.alloc(0)), up.sha256)
      await log.until('end to end with the proxy')
    })
  }

  t.test(title('a service that speaks first is heard, the first time and later'), async t => {
    const localPort = await service(t, socket => socket.write('SSH-2.0\n'))
    const { door } = await open(t, localPort)
    for (let i = 0; i < 3; i++) {
      const socket = await user(t, door)
      t.equal((await readBytes(socket, 8)).toString(), 'SSH-2.0\n')
      socket.destroy()
    }
  })

  t.test(title('a request that ends is answered in full'), async t => {
    const localPort = await service(t, socket => {
      void readAll(socket).then(asked => socket.end(`you said ${asked.toString()}`))
    })
    const { door } = await open(t, localPort)
    const socket = await user(t, door)
    socket.end('hello')
    t.equal((await readAll(socket)).toString(), 'you said hello')
  })

  t.test(title('50 users at once and 100 one after another are all served'), async t => {
    const localPort = await service(t, echo)
    const { door } = await open(t, localPort)
    const visit = async (i: number): Promise<boolean> => {
      const socket = await user(t, door)
      socket.end(`user ${i}`)
      return (await readAll(socket)).toString() === `user ${i}`
    }
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => visit(i)))
    for (let i = 0; i < 100; i++) answers.push(await visit(i))
    t.equal(answers.filter(Boolean).length, 150)
  })

  t.test(title('who sends before he is answered loses nothing, the second time either'), async t => {
    const localPort = await service(t, socket => {
      void readAll(socket).then(asked => socket.end(sha256(asked)))
    })
    const { door } = await open(t, localPort)
    for (let i = 0; i < 3; i++) {
      const up = payload(3 * MIB)
      const socket = await user(t, door)
      socket.end(up.bytes)
      t.equal((await readAll(socket)).toString(), up.sha256)
    }
  })

  t.test(title('a wrong secret gets nothing, is told so, and disturbs nobody'), async t => {
    let isReached = false
    const localPort = await service(t, () => (isReached = true))
    const { door, log, tunnel } = await open(t, localPort, {
      visitor: { secretKey: 'open barley' },
    })
    for (let i = 0; i < 2; i++) {
      const socket = await user(t, door)
      socket.write('hello')
      t.equal((await readAll(socket)).length, 0)
    }
    await log.until(wrongSecret)
    t.notOk(isReached, 'the service was not even dialed')
    t.match(tunnel.client.status(), [{ phase: 'running' }])
  })

  t.test(title('who is not allowed is told so, and who is gets in'), async t => {
    const localPort = await service(t, echo)
    const { door, log, tunnel } = await open(t, localPort, {
      owner: { user: 'ann' },
      proxy: { allowUsers: ['bob'] },
      guest: { user: 'eve' },
      visitor: { serverUser: 'ann' },
    })
    t.equal((await readAll(await user(t, door))).length, 0)
    await log.until('visitor connection of [ann.secret] user [eve] not allowed')
    const bob = await tunnel.join({
      client: { user: 'bob' },
      visitors: [
        { name: 'door', type, serverUser: 'ann', serverName: 'secret', secretKey: 'open sesame' },
      ],
    })
    const socket = await user(t, await bob.door('door'))
    socket.end('hello')
    t.equal((await readAll(socket)).toString(), 'hello')
  })

  t.test(title('an unknown server name is told'), async t => {
    const localPort = await service(t, echo)
    const { door, log } = await open(t, localPort, {
      visitor: { serverName: 'nothing' },
    })
    t.equal((await readAll(await user(t, door))).length, 0)
    await log.until("custom listener for [nothing] doesn't exist")
  })

  t.test(title('when the owner goes the running user is closed, and the next one told'), async t => {
    const localPort = await service(t, echo)
    const { door, log, tunnel } = await open(t, localPort)
    const socket = await user(t, door)
    socket.write('hello')
    t.equal((await readBytes(socket, 5)).toString(), 'hello')
    const closed = readAll(socket)
    await tunnel.client.close({ graceMs: 0 })
    t.equal((await closed).length, 0)
    t.equal((await readAll(await user(t, door))).length, 0)
    await log.until("custom listener for [secret] doesn't exist")
  })
}
