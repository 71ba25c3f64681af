// udpMaxUsersPerProxy and udpMaxUsersPerIP of frps.

import t from 'tap'
import { openTunnel } from '../compliance/tunnel.ts'
import { UdpUser, udpService } from '../compliance/udp.ts'

const MEMORY = { name: 'memory', protocol: 'memory' } as const

t.test('an address has no more users than udpMaxUsersPerIP, and those go on', async t => {
  const service = await udpService(t)
  const tunnel = await openTunnel(t, MEMORY, {
    server: { udpMaxUsersPerIP: 2 },
    proxies: [{ name: 'game', type: 'udp', localPort: service.port }],
  })
  const port = await tunnel.port('game')
  const [one, two, three] = await Promise.all([1, 2, 3].map(() => UdpUser.open(t, port)))
  t.equal((await one?.askAgain('one'))?.toString(), 'one')
  t.equal((await two?.askAgain('two'))?.toString(), 'two')
  three?.send('three')
  // What comes after his packet has come back, so his would have come, too.
  t.equal((await one?.askAgain('again'))?.toString(), 'again')
  t.equal(service.seen.size, 2)
})

t.test('who plays keeps his place when a proxy has no more than udpMaxUsersPerProxy', async t => {
  const service = await udpService(t)
  const tunnel = await openTunnel(t, MEMORY, {
    server: { udpMaxUsersPerProxy: 1 },
    proxies: [{ name: 'game', type: 'udp', localPort: service.port }],
  })
  const port = await tunnel.port('game')
  const player = await UdpUser.open(t, port)
  // Who has answered an answer is known to be there.
  await player.askAgain('one')
  await player.askAgain('two')
  const late = await UdpUser.open(t, port)
  late.send('let me in')
  t.equal((await player.askAgain('three')).toString(), 'three')
  t.equal(service.seen.size, 1)
})
