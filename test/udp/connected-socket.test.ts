import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import {
  type ConnectedHandler,
  type ConnectedOptions,
  type ConnectedSocket,
  openConnectedSocket,
  prepareConnectedSockets,
} from '../../lib/udp/connected.ts'
import { BatchConnectedSocket } from '../../lib/udp/connected-batch.ts'
import { DgramConnectedSocket } from '../../lib/udp/connected-dgram.ts'
import { type Libc, loadLibc } from '../../lib/udp/libc.ts'
import { sharedPoller } from '../../lib/udp/poller.ts'

const libc = loadLibc()

type Open = (options: ConnectedOptions, handler: ConnectedHandler) => ConnectedSocket

const kinds: { name: string; open: Open; skip: string | false }[] = [
  { name: 'dgram', open: (to, handler) => new DgramConnectedSocket(to, handler), skip: false },
  {
    name: 'batch',
    open: (to, handler) => new BatchConnectedSocket(to, handler, libc as Libc), // else skipped
    skip: libc ? false : 'koffi does not load here',
  },
]

/** A service that sends everything back, with the sender's port before it. */
async function openEcho(t: Test): Promise<{ service: Socket; port: number }> {
  const service = createSocket('udp4')
  service.on('message', (data, { address, port }) => {
    service.send(`${address}:${port} ${data.toString('latin1')}`, port, address)
  })
  service.bind(0, '127.0.0.1')
  await once(service, 'listening')
  t.teardown(() => service.close())
  return { service, port: service.address().port }
}

for (const { name, open, skip } of kinds) {
  t.test(name, { skip }, async t => {
    t.test('each socket has a port of its own, and hears what is for it', async t => {
      const { port } = await openEcho(t)
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) => ask(t, open, port, `player ${index}`)),
      )
      t.strictSame(
        answers.map(answer => answer.split(' ').slice(1).join(' ')),
        answers.map((_, index) => `player ${index}`),
      )
      t.equal(new Set(answers.map(answer => answer.split(' ')[0])).size, 100)
    })

    t.test('a payload may be used again after the call; packets stay as they are', async t => {
      const { port } = await openEcho(t)
      const got: string[] = []
      await new Promise<void>(resolve => {
        const socket = open(
          { to: { ip: '127.0.0.1', port } },
          {
            onPacket: payload => {
              got.push(payload.toString('latin1').replace(/^\S+ /, ''))
              if (got.length === 50) resolve()
            },
            onError: error => t.error(error),
          },
        )
        t.teardown(() => socket.close())
        const payload = Buffer.alloc(20)
        for (let index = 0; index < 50; index++) {
          payload.fill(65 + (index % 26))
          socket.send(payload.subarray(0, 1 + (index % 7)))
        }
      })
      t.strictSame(
        got.sort(),
        Array.from({ length: 50 }, (_, index) => {
          return String.fromCharCode(65 + (index % 26)).repeat(1 + (index % 7))
        }).sort(),
      )
    })

    t.test('a service that is down is an error, and the socket stays usable', async t => {
      const { service, port } = await openEcho(t)
      const gone = createSocket('udp4')
      gone.bind(0, '127.0.0.1')
      await once(gone, 'listening')
      const { port: downPort } = gone.address()
      await new Promise<void>(resolve => gone.close(() => resolve()))
      t.not(port, downPort)
      let handle = (_event: string): void => {}
      const socket = open(
        { to: { ip: '127.0.0.1', port: downPort } },
        {
          onPacket: payload => handle(payload.toString('latin1')),
          onError: error => handle(String(Object.assign({ code: '' }, error).code)),
        },
      )
      t.teardown(() => socket.close())
      const refused = new Promise<string>(resolve => (handle = resolve))
      socket.send(Buffer.from('is anybody there?'))
      t.equal(await refused, 'ECONNREFUSED')
      const back = createSocket('udp4')
      t.teardown(() => back.close())
      back.on('message', (data, { port }) => back.send(data, port, '127.0.0.1'))
      back.bind(downPort, '127.0.0.1')
      await once(back, 'listening')
      const answer = new Promise<string>(resolve => (handle = resolve))
      socket.send(Buffer.from('again'))
      t.equal(await answer, 'again')
      t.ok(service)
    })

    t.test('a closed socket sends nothing, hears nothing and closes twice', async t => {
      const { service, port } = await openEcho(t)
      const socket = open(
        { to: { ip: '127.0.0.1', port } },
        { onPacket: () => t.fail('it is closed'), onError: error => t.error(error) },
      )
      socket.close()
      socket.close()
      socket.send(Buffer.from('late'))
      const heard: string[] = []
      service.on('message', data => heard.push(data.toString('latin1')))
      await ask(t, open, port, 'after')
      t.strictSame(heard, ['after'])
    })

    t.test('a handler may close its socket and others between two packets', async t => {
      const { port } = await openEcho(t)
      const sockets: ConnectedSocket[] = []
      let packets = 0
      await new Promise<void>(resolve => {
        for (let index = 0; index < 10; index++) {
          const socket = open(
            { to: { ip: '127.0.0.1', port } },
            {
              onPacket: () => {
                packets++
                for (const other of sockets) other.close()
                resolve()
              },
              onError: error => t.error(error),
            },
          )
          sockets.push(socket)
        }
        for (const socket of sockets) for (const text of ['a', 'b']) socket.send(Buffer.from(text))
      })
      // A packet of each that was read already may still be handed over.
      await ask(t, open, port, 'after')
      t.ok(packets <= 2, `${packets} packets`)
    })

    t.test('the source address is the one that was asked for', async t => {
      if (process.platform !== 'linux') return t.pass('127.x.y.z is there on Linux')
      const { port } = await openEcho(t)
      const answer = await ask(t, open, port, 'hello', '127.3.4.5')
      t.match(answer, /^127\.3\.4\.5:\d+ hello$/)
    })
  })
}

t.test('the poller proves itself, and from then on sockets have no handles', async t => {
  if (!libc) return t.pass('koffi does not load here')
  prepareConnectedSockets()
  const poller = sharedPoller(libc)
  while (!poller.isProven) await new Promise(resolve => setImmediate(resolve))
  const { port } = await openEcho(t)
  const to = { ip: '127.0.0.1', port }
  const socket = openConnectedSocket({ to }, { onPacket() {}, onError() {} })
  t.teardown(() => socket.close())
  t.ok(socket instanceof BatchConnectedSocket)
})

/** The answer to one packet from a socket of its own. */
function ask(
  t: Test,
  open: Open,
  port: number,
  text: string,
  source?: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = open(
      { to: { ip: '127.0.0.1', port }, source },
      { onPacket: payload => resolve(payload.toString('latin1')), onError: reject },
    )
    t.teardown(() => socket.close())
    socket.send(Buffer.from(text))
  })
}
