// Both sides of ours through frp's exchange, as they do it with a real frps between them.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import t from 'tap'
import type { FrpHolePath } from '../../lib/visitor/frp-hole-path.ts'
import { echo, service } from '../compliance/tunnel.ts'
import { meet } from './meeting.ts'

const LAYERS = { useEncryption: true, useCompression: true }

async function open(path: FrpHolePath, signal = new AbortController().signal): Promise<Duplex> {
  const { stream } = await path.openStream({ signal })
  stream.on('error', () => {})
  return stream
}

async function bytesOf(stream: Duplex, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let got = 0
  while (got < length) {
    const chunk: unknown = stream.read() ?? (await once(stream, 'readable'), stream.read())
    if (!Buffer.isBuffer(chunk)) continue
    chunks.push(chunk)
    got += chunk.length
  }
  return Buffer.concat(chunks)
}

for (const [name, transport] of Object.entries({ plain: {}, layered: LAYERS })) {
  t.test(`${name}: bytes go both ways, and users share one hole`, async t => {
    const localPort = await service(t, echo)
    const { path, joined } = await meet(t, {
      localPort,
      proxy: { transport },
      visitor: { transport },
    })
    const users = await Promise.all([open(path), open(path)])
    for (const user of users) {
      const sent = randomBytes(100_000)
      user.write(sent)
      t.ok((await bytesOf(user, sent.length)).equals(sent))
    }
    t.equal(joined.length, 1)
    t.match(path.route, { kind: 'direct', address: { ip: '127.0.0.1' } })
    for (const user of users) user.destroy()
  })
}

t.test('with layers a service that speaks first is heard', async t => {
  const localPort = await service(t, socket => socket.write('hello'))
  const layers = { transport: LAYERS }
  const { path } = await meet(t, { localPort, proxy: layers, visitor: layers })
  const user = await open(path)
  t.equal(String(await bytesOf(user, 5)), 'hello')
  user.destroy()
})

t.test('an owner who is not known to the server checks the key himself', async t => {
  const localPort = await service(t, echo)
  const right = await meet(t, { localPort, ownerChecks: true })
  const user = await open(right.path)
  user.write('x')
  t.equal(String(await bytesOf(user, 1)), 'x')
  user.destroy()
  const wrong = await meet(t, {
    localPort,
    ownerChecks: true,
    visitor: { secretKey: 'open barley' },
  })
  await t.rejects(open(wrong.path), { code: 'PROXY_REFUSED', detail: /auth failed/ })
})

t.test('with protocol kcp bytes pass just so', async t => {
  const localPort = await service(t, echo)
  const layers = { transport: LAYERS }
  for (const keys of [{}, layers]) {
    const visitor = { ...keys, protocol: 'kcp' }
    const { path, lines } = await meet(t, { localPort, proxy: keys, visitor })
    const user = await open(path)
    const sent = randomBytes(2 << 20)
    user.write(sent)
    t.ok((await bytesOf(user, sent.length)).equals(sent))
    user.destroy()
    t.notMatch(lines.join('\n'), /error/)
  }
})

t.test('with protocol kcp a service that speaks first is heard', async t => {
  const localPort = await service(t, socket => socket.write('hello'))
  const { path } = await meet(t, { localPort, visitor: { protocol: 'kcp' } })
  const user = await open(path)
  t.equal(String(await bytesOf(user, 5)), 'hello')
  user.destroy()
})

t.test('a user waits for as long as the fallback says', async t => {
  const { path } = await meet(t, {
    localPort: 1,
    isDeaf: true,
    visitor: { fallbackTo: 'other', fallbackTimeoutMs: 50 },
  })
  await t.rejects(open(path), { code: 'TIMED_OUT', detail: 'open tunnel timeout' })
})

t.test('a user who leaves is not waited for', async t => {
  const { path } = await meet(t, { localPort: 1, isDeaf: true })
  const gone = new AbortController()
  const opening = open(path, gone.signal)
  gone.abort()
  await t.rejects(opening, { code: 'ABORTED' })
})

t.test('a tunnel that was lost is opened again for the next user', async t => {
  const localPort = await service(t, echo)
  const { path, joined } = await meet(t, { localPort })
  const first = await open(path)
  first.write('1')
  await bytesOf(first, 1)
  const lost = new Promise<void>(resolve => {
    path.onRoute(route => {
      if (route === undefined) resolve()
    })
  })
  first.destroy()
  await path.end()
  await lost
  const second = await open(path)
  second.write('2')
  t.equal(String(await bytesOf(second, 1)), '2')
  t.equal(joined.length, 2)
  second.destroy()
})

t.test('a tunnel that is kept open is there before a user comes', async t => {
  const localPort = await service(t, echo)
  const { path, joined } = await meet(t, { localPort, visitor: { keepTunnelOpen: true } })
  const isUp = new Promise<unknown>(resolve => path.onRoute(resolve))
  path.start()
  t.match(await isUp, { kind: 'direct' })
  t.equal(joined.length <= 1, true)
})

t.test('a STUN server with one address is not enough, and that is said', async t => {
  const { path, lines } = await meet(t, {
    localPort: 1,
    hasOther: false,
    visitor: { fallbackTo: 'other', fallbackTimeoutMs: 2_000 },
  })
  await t.rejects(open(path), { code: 'TIMED_OUT' })
  t.match(lines.join('\n'), /has no second address: name a second server in natHoleStunServer/)
})

for (const protocol of ['quic', 'kcp']) {
  t.test(`${protocol}: the end of the visitor is the end of the owner’s hole`, async t => {
    const localPort = await service(t, echo)
    const { path, joined } = await meet(t, { localPort, visitor: { protocol } })
    const user = await open(path)
    user.write('x')
    await bytesOf(user, 1)
    user.destroy()
    await path.close()
    const total = await joined[0]?.ended
    t.match(total, { bytesToLocal: 1, bytesToUser: 1 })
  })
}
