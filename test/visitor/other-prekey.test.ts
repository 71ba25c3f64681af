// The owner that comes back has another prekey than the one that the visitor knows.

import t from 'tap'
import { openTunnel, payload, readAll, service, sha256, user } from '../compliance/tunnel.ts'

const KEY = { type: 'stcp', secretKey: 'open sesame' }

t.test("a user's first bytes reach an owner with another prekey, once and whole", async t => {
  let users = 0
  const localPort = await service(t, socket => {
    users++
    void readAll(socket).then(asked => socket.end(sha256(asked)))
  })
  const proxies = [{ name: 'secret', localPort, ...KEY }]
  const tunnel = await openTunnel(t, { name: 'memory', protocol: 'memory' }, { proxies })
  await tunnel.port('secret')
  const guest = await tunnel.join({ visitors: [{ name: 'door', serverName: 'secret', ...KEY }] })
  const ask = async (): Promise<boolean> => {
    const up = payload(300_000)
    const socket = await user(t, await guest.door('door'))
    socket.end(up.bytes)
    return (await readAll(socket)).toString() === up.sha256
  }
  t.ok(await ask())
  t.ok(await ask())
  await tunnel.client.close({ graceMs: 0 })
  const again = await tunnel.join({ proxies })
  await again.port('secret')
  t.ok(await ask())
  t.equal(users, 3)
})
