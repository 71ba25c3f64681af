// What a tcp proxy between two of ours must do, whatever carries it. One suite for all transports.

import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { parseClientConfig } from '../../lib/index.ts'
import {
  echo,
  openTunnel,
  payload,
  readAll,
  readBytes,
  service,
  sha256,
  type TransportChoice,
  user,
} from './tunnel.ts'

const MIB = 1 << 20

const LAYERS = {
  plain: {},
  encrypted: { useEncryption: true },
  compressed: { useCompression: true },
  'encrypted and compressed': { useEncryption: true, useCompression: true },
}

export function proxyTcpSuite(transport: TransportChoice): void {
  const title = (claim: string): string => `${transport.name}: ${claim}`

  for (const [name, layers] of Object.entries(LAYERS)) {
    // The layers are the same code over every transport, so they get less of the tests' time.
    const mib = name === 'plain' ? 16 : 4
    t.test(title(`${mib} MiB each way at once arrive unchanged, ${name}`), async t => {
      const up = payload(mib * MIB)
      const down = payload(mib * MIB)
      let atService: Promise<Buffer> | undefined
      const localPort = await service(t, socket => {
        atService = readAll(socket)
        socket.end(down.bytes)
      })
      const tunnel = await openTunnel(t, transport, {
        proxies: [{ name: 'bulk', localPort, transport: layers }],
      })
      const socket = await user(t, await tunnel.port('bulk'))
      const received = readAll(socket)
      socket.end(up.bytes)
      t.equal(sha256(await received), down.sha256)
      t.equal(sha256((await atService) ?? Buffer.alloc(0)), up.sha256)
    })

    t.test(title(`small messages go back and forth without delay, ${name}`), async t => {
      const localPort = await service(t, echo)
      const tunnel = await openTunnel(t, transport, {
        proxies: [{ name: 'echo', localPort, transport: layers }],
      })
      const socket = await user(t, await tunnel.port('echo'))
      for (let i = 0; i < 50; i++) {
        const text = `message ${i}`
        socket.write(text)
        t.equal((await readBytes(socket, text.length)).toString(), text)
      }
    })

    t.test(title(`the answer still comes after the user has ended, ${name}`), async t => {
      const localPort = await service(t, socket => {
        void readAll(socket).then(request => socket.end(`${request}, answered`))
      })
      const tunnel = await openTunnel(t, transport, {
        proxies: [{ name: 'ask', localPort, transport: layers }],
      })
      const socket = await user(t, await tunnel.port('ask'))
      socket.end('question')
      t.equal((await readAll(socket)).toString(), 'question, answered')
    })
  }

  t.test(title('the user can still send after the service has ended'), async t => {
    let request: Promise<Buffer> | undefined
    const localPort = await service(t, socket => {
      request = readAll(socket)
      socket.end('greeting')
    })
    const tunnel = await openTunnel(t, transport, { proxies: [{ name: 'late', localPort }] })
    const socket = await user(t, await tunnel.port('late'))
    t.equal((await readAll(socket)).toString(), 'greeting')
    socket.end('late words')
    t.equal((await request)?.toString(), 'late words')
  })

  t.test(title('a user who resets ends the connection of the local service'), async t => {
    let onClosed = (): void => {}
    const closed = new Promise<void>(resolve => (onClosed = resolve))
    const localPort = await service(t, socket => {
      socket.on('close', onClosed)
      echo(socket)
    })
    const tunnel = await openTunnel(t, transport, { proxies: [{ name: 'echo', localPort }] })
    const socket = await user(t, await tunnel.port('echo'))
    socket.write('x')
    await readBytes(socket, 1)
    socket.resetAndDestroy()
    await closed
    t.pass('it was closed')
  })

  t.test(title('a service that resets ends the connection of the user'), async t => {
    const localPort = await service(t, socket => {
      socket.once('data', () => socket.resetAndDestroy())
    })
    const tunnel = await openTunnel(t, transport, { proxies: [{ name: 'reset', localPort }] })
    const socket = await user(t, await tunnel.port('reset'))
    const closed = once(socket, 'close')
    socket.resume()
    socket.write('x')
    socket.on('end', () => socket.end())
    await closed
    t.pass('it was closed')
  })

  for (const bandwidthLimitMode of ['client', 'server'] as const) {
    t.test(title(`a limit at the ${bandwidthLimitMode} holds both directions`), async t => {
      const localPort = await service(t, echo)
      const limit = { bandwidthLimit: '256KB', bandwidthLimitMode }
      const tunnel = await openTunnel(t, transport, {
        proxies: [{ name: 'slow', localPort, transport: limit }],
      })
      const { bytes, sha256: wanted } = payload(192 * 1024)
      const socket = await user(t, await tunnel.port('slow'))
      const start = performance.now()
      const received = readAll(socket)
      socket.end(bytes)
      t.equal(sha256(await received), wanted)
      // 384 KiB pass a bucket that holds 256 KiB and fills at 256 KiB a second.
      t.ok(performance.now() - start > 450, `it took ${performance.now() - start} ms`)
    })
  }

  for (const version of ['v1', 'v2'] as const) {
    t.test(title(`a PROXY header ${version} names the user and the public port`), async t => {
      const localPort = await service(t, socket => {
        void readAll(socket).then(bytes => socket.end(JSON.stringify(parseProxyHeader(bytes))))
      })
      const tunnel = await openTunnel(t, transport, {
        proxies: [
          {
            name: 'who',
            localPort,
            transport: { proxyProtocolVersion: version, useEncryption: true, useCompression: true },
          },
        ],
      })
      const port = await tunnel.port('who')
      const socket = await user(t, port)
      const source = `127.0.0.1:${socket.localPort}`
      socket.end('hello')
      t.strictSame(JSON.parse((await readAll(socket)).toString()), {
        source,
        destination: `127.0.0.1:${port}`,
        payload: 'hello',
      })
    })
  }

  t.test(title('the user of the client stands before its proxies on the server only'), async t => {
    const localPort = await service(t, echo)
    const tunnel = await openTunnel(t, transport, {
      client: { user: 'ann' },
      proxies: [{ name: 'echo', localPort }],
    })
    const socket = await user(t, await tunnel.port('echo'))
    socket.end('x')
    t.equal((await readAll(socket)).toString(), 'x')
    t.match(tunnel.server.clients(), [{ proxies: [{ name: 'ann.echo' }] }])
    t.match(tunnel.client.status(), [{ name: 'echo', phase: 'running' }])
  })

  t.test(title('an INI range section becomes one proxy for each port'), async t => {
    const ports = [
      await service(t, socket => socket.end('first')),
      await service(t, socket => socket.end('second')),
    ]
    const ini = [
      '[common]',
      'server_addr = 127.0.0.1',
      '[range:many]',
      'type = tcp',
      `local_port = ${ports.join(',')}`,
      'remote_port = 0,0',
    ].join('\n')
    const options = { strict: true, env: {}, allowUnsafe: [] }
    const { proxies } = await parseClientConfig(ini, 'frpc.ini', options)
    const tunnel = await openTunnel(t, transport, { resolved: proxies })
    const answers = []
    for (const name of ['many_0', 'many_1']) {
      const socket = await user(t, await tunnel.port(name))
      answers.push((await readAll(socket)).toString())
    }
    t.strictSame(answers, ['first', 'second'])
  })

  t.test(title('a port outside allowPorts is refused in the words of frp'), async t => {
    const tunnel = await openTunnel(t, transport, {
      server: { allowPorts: [{ start: 1, end: 2 }] },
      proxies: [{ name: 'no', localPort: 1, remotePort: 3 }],
    })
    await t.rejects(tunnel.port('no'), { message: 'port not allowed' })
    t.match(tunnel.client.status(), [{ phase: 'start error', error: 'port not allowed' }])
  })

  t.test(title('a local service that is down closes the user at once'), async t => {
    const listener = net.createServer().listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const address = listener.address()
    const localPort = address !== null && typeof address === 'object' ? address.port : 0
    listener.close()
    await once(listener, 'close')
    const tunnel = await openTunnel(t, transport, { proxies: [{ name: 'down', localPort }] })
    const socket = await user(t, await tunnel.port('down'))
    t.equal((await readAll(socket)).length, 0)
  })

  t.test(title('a user who does not read stops the service, and others go on'), async t => {
    let written = 0
    const localPort = await service(t, socket => {
      const chunk = Buffer.alloc(64 * 1024)
      const onTaken = (error?: Error | null): void => {
        if (!error) written += chunk.length
      }
      const pump = (): void => {
        while (!socket.destroyed && socket.write(chunk, onTaken));
      }
      socket.once('data', first => {
        if (first.toString() === 'flood') {
          socket.on('drain', pump)
          pump()
        } else socket.end(first)
      })
    })
    const tunnel = await openTunnel(t, transport, { proxies: [{ name: 'flood', localPort }] })
    const port = await tunnel.port('flood')
    const stalled = await user(t, port)
    stalled.pause()
    stalled.write('flood')
    // The flood is over when nothing was taken in the time that several round trips of others take.
    let before = -1
    while (written !== before || written === 0) {
      before = written
      for (let i = 0; i < 20; i++) {
        const other = await user(t, port)
        other.end('ping')
        t.equal((await readAll(other)).toString(), 'ping')
      }
    }
    t.ok(written < 96 * MIB, `${written} bytes were taken`)
  })

  t.test(title('200 users one after another and 50 at once are all served'), async t => {
    const localPort = await service(t, echo)
    const tunnel = await openTunnel(t, transport, { proxies: [{ name: 'echo', localPort }] })
    const port = await tunnel.port('echo')
    const once = async (): Promise<string> => {
      const socket = await user(t, port)
      socket.end('x')
      return (await readAll(socket)).toString()
    }
    const answers: string[] = []
    for (let i = 0; i < 200; i++) answers.push(await once())
    answers.push(...(await Promise.all(Array.from({ length: 50 }, once))))
    t.equal(answers.filter(answer => answer === 'x').length, 250)
  })

  t.test(title('a client that closes frees its ports'), async t => {
    const localPort = await service(t, echo)
    const tunnel = await openTunnel(t, transport, { proxies: [{ name: 'echo', localPort }] })
    const port = await tunnel.port('echo')
    const gone = once(tunnel.server, 'logout')
    await tunnel.client.close()
    await gone
    const listener = net.createServer().listen(port, '127.0.0.1')
    await once(listener, 'listening')
    listener.close()
    t.pass('the port can be opened by others')
  })
}

interface ProxyHeader {
  readonly source: string
  readonly destination: string
  readonly payload: string
}

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

/** TCP over IPv4 only; https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt */
function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (bytes.subarray(0, 12).equals(SIGNATURE)) {
    if (bytes[12] !== 0x21 || bytes[13] !== 0x11) throw new Error('not PROXY over TCP4')
    const end = 16 + bytes.readUInt16BE(14)
    return {
      source: `${[...bytes.subarray(16, 20)].join('.')}:${bytes.readUInt16BE(24)}`,
      destination: `${[...bytes.subarray(20, 24)].join('.')}:${bytes.readUInt16BE(26)}`,
      payload: bytes.subarray(end).toString(),
    }
  }
  const [line = '', payload = ''] = bytes.toString().split('\r\n')
  const [, family, from, to, fromPort, toPort] = line.split(' ')
  if (family !== 'TCP4') throw new Error(`unexpected header: ${line}`)
  return { source: `${from}:${fromPort}`, destination: `${to}:${toPort}`, payload }
}
