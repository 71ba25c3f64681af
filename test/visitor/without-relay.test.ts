// A visitor with `relay = false`: its users go directly or not at all, and are told why.

import { networkInterfaces } from 'node:os'
import t from 'tap'
import { quicSupport } from '../../lib/transport/quic.ts'
import { LogLines } from '../client/scripted-server.ts'
import { openTunnel, readBytes, service, user } from '../compliance/tunnel.ts'

const KEY = { type: 'xtcp', secretKey: 'open sesame' }
/** Without a STUN server nothing else is left to offer. */
const SECRETIVE = { natTraversal: { disableAssistedAddrs: true } }
const hasNetwork = Object.values(networkInterfaces()).flat().some(at => at?.internal === false)
const support = await quicSupport()
const skip = support !== true && support

t.test('a user is served directly, and waits until that is possible', {
  skip: skip || (!hasNetwork && 'no network card'),
}, async t => {
  const localPort = await service(t, socket => void socket.write('one'))
  const proxies = [{ name: 'door', localPort, ...KEY }]
  const tunnel = await openTunnel(t, { name: 'memory', protocol: 'memory' }, { proxies })
  await tunnel.port('door')
  const log = new LogLines()
  const guest = await tunnel.join({
    clientOptions: { log: log.logger },
    visitors: [{ name: 'guest', serverName: 'door', relay: false, ...KEY }],
  })
  const socket = await user(t, await guest.door('guest'))
  t.equal(String(await readBytes(socket, 3)), 'one')
  await log.until('[guest] peer path: direct')
})

t.test('where no direct path is possible he is let go with the reason', { skip }, async t => {
  const localPort = await service(t, socket => void socket.write('one'))
  const proxies = [{ name: 'door', localPort, ...KEY, ...SECRETIVE }]
  const tunnel = await openTunnel(t, { name: 'memory', protocol: 'memory' }, { proxies })
  await tunnel.port('door')
  const log = new LogLines()
  const guest = await tunnel.join({
    clientOptions: { log: log.logger },
    visitors: [{ name: 'guest', serverName: 'door', relay: false, ...KEY, ...SECRETIVE }],
  })
  const isOver = async (): Promise<void> => {
    const socket = await user(t, await guest.door('guest'))
    await new Promise(resolve => socket.resume().once('end', resolve))
  }
  await isOver()
  await isOver()
  const told = log.lines.filter(line => line.includes('no direct path is possible ('))
  t.equal(told.length, 2, 'each of them')
})
