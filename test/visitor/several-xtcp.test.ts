// Two visitors in one client of two proxies of another: both peer connections go between the same
// two UDP ports, and each user reaches the service he asked for.

import { networkInterfaces } from 'node:os'
import t from 'tap'
import { quicSupport } from '../../lib/transport/quic.ts'
import { LogLines } from '../client/scripted-server.ts'
import { openTunnel, readBytes, service, user } from '../compliance/tunnel.ts'

const KEY = { type: 'xtcp', secretKey: 'open sesame' }
const hasNetwork = Object.values(networkInterfaces()).flat().some(at => at?.internal === false)
const support = await quicSupport()

t.test('each user reaches his own service', { skip: support !== true && support }, async t => {
  const [one, other] = await Promise.all(
    ['one', 'two'].map(name => service(t, socket => void socket.write(name))),
  )
  const tunnel = await openTunnel(t, { name: 'memory', protocol: 'memory' }, {
    proxies: [
      { name: 'first', localPort: one, ...KEY },
      { name: 'second', localPort: other, ...KEY },
    ],
  })
  await Promise.all([tunnel.port('first'), tunnel.port('second')])
  const log = new LogLines()
  const guest = await tunnel.join({
    clientOptions: { log: log.logger },
    visitors: [
      { name: 'to first', serverName: 'first', ...KEY },
      { name: 'to second', serverName: 'second', ...KEY },
    ],
  })
  const doors = [await guest.door('to first'), await guest.door('to second')]
  const visit = async (): Promise<string[]> => {
    const users = await Promise.all(doors.map(door => user(t, door)))
    const texts = await Promise.all(users.map(async socket => String(await readBytes(socket, 3))))
    for (const socket of users) socket.destroy()
    return texts
  }
  t.strictSame(await visit(), ['one', 'two'])
  // A machine without a network card has no path but the relay.
  if (!hasNetwork) return
  await log.until('[to first] peer path: direct')
  await log.until('[to second] peer path: direct')
  t.strictSame(await visit(), ['one', 'two'], 'directly, too')
})
