// What a udp proxy between two of ours must do, whatever carries it. One suite for all transports.

import { randomBytes } from 'node:crypto'
import t from 'tap'
import { openTunnel, type TransportChoice } from './tunnel.ts'
import { UdpUser, udpService } from './udp.ts'

const LAYERS = {
  plain: {},
  'encrypted and compressed': { useEncryption: true, useCompression: true },
}

export function proxyUdpSuite(transport: TransportChoice): void {
  const title = (claim: string): string => `${transport.name}: ${claim}`

  for (const [name, layers] of Object.entries(LAYERS)) {
    t.test(title(`packets of 0 to 65,507 bytes come back whole, ${name}`), async t => {
      const service = await udpService(t)
      const tunnel = await openTunnel(t, transport, {
        proxies: [{ name: 'game', type: 'udp', localPort: service.port, transport: layers }],
      })
      const user = await UdpUser.open(t, await tunnel.port('game'))
      for (const length of [1, 100, 1_200, 1_400, 1_472, 8_000, 65_507, 0, 2]) {
        const payload = randomBytes(length)
        t.ok((await user.ask(payload)).equals(payload), `${length} bytes`)
      }
    })
  }

  t.test(title('each user has a port of his own at the service, and his own answers'), async t => {
    const service = await udpService(t, payload => Buffer.from(`${payload.toString()}!`))
    const tunnel = await openTunnel(t, transport, {
      proxies: [{ name: 'game', type: 'udp', localPort: service.port }],
    })
    const port = await tunnel.port('game')
    const users = await Promise.all(Array.from({ length: 20 }, () => UdpUser.open(t, port)))
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(users.map((user, i) => user.ask(`${i}.${round}`)))
      t.strictSame(
        answers.map(String),
        users.map((_, i) => `${i}.${round}!`),
      )
    }
    t.equal(service.seen.size, 20)
  })

  t.test(title('where asked for, the address of a user comes before his packets'), async t => {
    const packets: Buffer[] = []
    const service = await udpService(t, payload => {
      packets.push(payload)
      return Buffer.from('ok')
    })
    const tunnel = await openTunnel(t, transport, {
      proxies: [
        {
          name: 'game',
          type: 'udp',
          localPort: service.port,
          transport: { proxyProtocolVersion: 'v2' },
        },
      ],
    })
    const user = await UdpUser.open(t, await tunnel.port('game'))
    await user.ask('first')
    await user.ask('second')
    const [first = Buffer.alloc(0), second] = packets
    t.equal(first.toString('hex', 0, 14), '0d0a0d0a000d0a515549540a2112')
    t.equal(first.readUInt16BE(24), user.port)
    t.equal(first.toString('latin1', 28), 'first')
    t.equal(String(second), 'second')
  })

  t.test(title('a service that is down loses packets and nothing else'), async t => {
    const service = await udpService(t)
    const gone = await udpService(t)
    gone.socket.close()
    const tunnel = await openTunnel(t, transport, {
      proxies: [
        { name: 'game', type: 'udp', localPort: service.port },
        { name: 'gone', type: 'udp', localPort: gone.port },
      ],
    })
    const lost = await UdpUser.open(t, await tunnel.port('gone'))
    const user = await UdpUser.open(t, await tunnel.port('game'))
    for (let i = 0; i < 10; i++) {
      lost.send('anyone?')
      t.equal(String(await user.ask(`${i}`)), `${i}`)
    }
  })

  t.test(title('a flood of junk on the public port takes no packet of a player'), async t => {
    const service = await udpService(t)
    const tunnel = await openTunnel(t, transport, {
      proxies: [{ name: 'game', type: 'udp', localPort: service.port }],
    })
    const port = await tunnel.port('game')
    const user = await UdpUser.open(t, port)
    t.equal(String(await user.ask('before')), 'before')
    const junk = await Promise.all(Array.from({ length: 100 }, () => UdpUser.open(t, port)))
    for (let round = 0; round < 20; round++) {
      for (const sender of junk) sender.send(randomBytes(round * 10))
      t.equal(String(await user.ask(`${round}`)), `${round}`)
    }
  })

  t.test(title('a busy port is refused with the words of frp'), async t => {
    const service = await udpService(t)
    const tunnel = await openTunnel(t, transport, {
      proxies: [{ name: 'a', type: 'udp', localPort: service.port }],
    })
    const taken = await tunnel.port('a')
    const other = await openTunnel(t, transport, {
      proxies: [{ name: 'b', type: 'udp', localPort: service.port, remotePort: taken }],
    })
    await t.rejects(other.port('b'), {
      message: `acquire port ${taken} error: port unavailable`,
    })
  })
}
