// What a proxy for visitors with packets and its visitor must do when all three places are ours,
// whatever carries it.

import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { TransportChoice } from './tunnel.ts'
import { UdpUser, udpService } from './udp.ts'
import { openVisit } from './visitor-stream.ts'

export type PacketVisitorType = 'sudp' | 'xtcp'

export function visitorPacketsSuite(transport: TransportChoice, type: PacketVisitorType): void {
  const title = (claim: string): string => `packets of ${type} over ${transport.name}: ${claim}`
  const choice = {
    proxy: { type },
    visitor: { type, ...(type === 'xtcp' && { network: 'udp' }) },
  }

  t.test(title('packets of every size come back whole, and end to end'), async t => {
    const service = await udpService(t)
    const { door, log } = await openVisit(t, transport, service.port, choice)
    const user = await UdpUser.open(t, door)
    for (const length of [1, 100, 1_200, 1_400, 1_472, 8_000, 65_507, 0, 2]) {
      const payload = randomBytes(length)
      t.ok((await user.ask(payload)).equals(payload), `${length} bytes`)
    }
    await log.until('end to end with the proxy')
  })

  t.test(title('each user has a port of his own at the service, and his own answers'), async t => {
    const service = await udpService(t, payload => Buffer.from(`${payload.toString()}!`))
    const { door } = await openVisit(t, transport, service.port, choice)
    const users = await Promise.all(Array.from({ length: 20 }, () => UdpUser.open(t, door)))
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(users.map((user, i) => user.ask(`${i}.${round}`)))
      t.strictSame(
        answers.map(String),
        users.map((_, i) => `${i}.${round}!`),
      )
    }
    t.equal(service.seen.size, 20)
  })

  t.test(title('a wrong secret gets nothing and is told so'), async t => {
    const service = await udpService(t)
    const { door, log } = await openVisit(t, transport, service.port, {
      ...choice,
      visitor: { ...choice.visitor, secretKey: 'open barley' },
    })
    const user = await UdpUser.open(t, door)
    user.send('hello')
    await log.until('are type and secretKey the same on both sides?')
    t.equal(service.seen.size, 0)
  })

  t.test(title('when the owner comes back the packets flow again'), async t => {
    const service = await udpService(t)
    const visit = await openVisit(t, transport, service.port, choice)
    const user = await UdpUser.open(t, visit.door)
    t.equal((await user.ask('one')).toString(), 'one')
    await visit.tunnel.client.close({ graceMs: 0 })
    const timer = setInterval(() => user.send('lost'), 50)
    await visit.log.until("custom listener for [secret] doesn't exist")
    clearInterval(timer)
    const again = await visit.tunnel.join({
      proxies: [
        { name: 'secret', type, secretKey: 'open sesame', localPort: service.port },
      ],
    })
    await again.port('secret')
    // The visitor tries again after a second, and what comes before that is lost.
    while ((await user.askAgain('two')).toString() !== 'two');
    t.pass('they do')
  })
}
