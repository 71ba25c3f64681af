// A visitor whose `type` is not that of the proxy: no user gets in, and each time it says why.

import t from 'tap'
import { LogLines } from '../client/scripted-server.ts'
import { openTunnel, readAll, service, user } from '../compliance/tunnel.ts'
import { quicSupport } from '../../lib/transport/quic.ts'

const support = await quicSupport()
const hint = 'are type and secretKey the same on both sides?'

for (const [type, other] of [['stcp', 'xtcp'], ['xtcp', 'stcp']] as const) {
  t.test(`an ${type} visitor of an ${other} proxy`, {
    skip: support !== true && support,
  }, async t => {
    const localPort = await service(t, socket => void socket.end('one'))
    const secretKey = 'open sesame'
    const tunnel = await openTunnel(t, { name: 'memory', protocol: 'memory' }, {
      proxies: [{ name: 'door', type: other, secretKey, localPort }],
    })
    await tunnel.port('door')
    const log = new LogLines()
    const guest = await tunnel.join({
      clientOptions: { log: log.logger },
      visitors: [{ name: 'guest', type, serverName: 'door', secretKey }],
    })
    for (let times = 1; times <= 3; times++) {
      const socket = await user(t, await guest.door('guest'))
      t.equal((await readAll(socket)).length, 0)
      await log.until(hint, times)
    }
  })
}
