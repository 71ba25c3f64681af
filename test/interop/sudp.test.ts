// sudp in all mixes of the three places with real frp, over tcp and quic, with each kind of layers.

import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { UdpUser, udpService } from '../compliance/udp.ts'
import { skipReason } from './programs.ts'
import { MIXES, openVisits, PAIRS, titleOf } from './visits.ts'

const TRANSPORTS = [
  { name: 'tcp', protocol: 'tcp' },
  { name: 'quic', protocol: 'quic' },
] as const

/** A real frp cuts what is longer than 1,500 bytes. */
const SIZES = [1, 64, 500, 1_000, 1_200, 1_400]

for (const mix of MIXES) {
  t.test(titleOf(mix), { skip: skipReason() }, async t => {
    for (const transport of TRANSPORTS) {
      t.test(`${transport.name}: every packet arrives`, async t => {
        const { port: localPort } = await udpService(t)
        const visits = await openVisits(t, { mix, transport, type: 'sudp', pairs: PAIRS, localPort })
        const all = Object.entries(visits.ports).map(async ([name, port]) => {
          await exchangeAll(t, port)
          t.pass(`${name}: packets of 1 to 1,400 bytes`)
        })
        await Promise.all(all)
      })
    }
  })
}

/** Resolves when each size came back; every packet is sent once but the first, which opens the way. */
async function exchangeAll(t: Test, port: number): Promise<void> {
  const user = await UdpUser.open(t, port)
  await user.askAgain('open')
  const payloads = SIZES.map(size => randomBytes(size))
  for (const payload of payloads) user.send(payload)
  const missing = new Set(payloads.map(payload => payload.toString('hex')))
  // Answers to the first packet may still come in between.
  while (missing.size > 0) missing.delete((await user.receive()).toString('hex'))
}
