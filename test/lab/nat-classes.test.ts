// What a program behind each class of NAT sees of it, with a STUN-like client and server.

import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { natOfClass, openLab } from '../../bench/lab/index.ts'
import type { Lab, NatClass, NatOptions } from '../../bench/lab/index.ts'
import { outputOf, serve, skipReason } from './programs.ts'
import type { StunFindings } from './stun-messages.ts'

const SERVER_1 = '198.51.100.1'
const SERVER_2 = '198.51.100.2'
const PUBLIC = '203.0.113.1'
const CARRIER = '100.64.0.7'

const ONLY = { skip: skipReason() }

/** A host behind a box of class C3, and perhaps a second box between that one and the server. */
async function labWith(t: Test, carrier?: NatOptions): Promise<Lab> {
  const lab = await openLab(
    {
      hosts: [
        { name: 'server', ip: SERVER_1 },
        { name: 'server-2', ip: SERVER_2 },
        { name: 'inside', ip: '192.168.1.2', behind: 'home' },
      ],
      boxes: carrier
        ? [
            { name: 'carrier', nat: carrier },
            { name: 'home', nat: natOfClass('C3', [CARRIER]), behind: 'carrier' },
          ]
        : [{ name: 'home', nat: natOfClass('C3', [PUBLIC]) }],
    },
    { together: { 'server-2': 'server' } },
  )
  t.teardown(() => lab.close())
  await serve(lab, 'server', [process.execPath, program('stun-server'), SERVER_1, SERVER_2])
  return lab
}

async function findings(lab: Lab): Promise<StunFindings> {
  const argv = [process.execPath, program('stun-client'), SERVER_1, SERVER_2]
  // The program prints nothing else.
  return JSON.parse(await outputOf(lab, 'inside', argv)) as StunFindings
}

function program(name: string): string {
  return fileURLToPath(new URL(`./${name}.js`, import.meta.url))
}

function portsOf({ mapped }: StunFindings): number[] {
  return mapped.map(address => Number(address.split(':')[1]))
}

/** How many mappings three remotes make, and whose answers are let in. */
const EXPECTED: Readonly<
  Record<NatClass, { mappings: number; admitted: StunFindings['admitted'] }>
> = {
  C1: { mappings: 1, admitted: ['other-address', 'other-port', 'same'] },
  C2: { mappings: 1, admitted: ['other-port', 'same'] },
  C3: { mappings: 1, admitted: ['same'] },
  S1: { mappings: 3, admitted: ['same'] },
  S2: { mappings: 3, admitted: ['same'] },
  S3: { mappings: 3, admitted: ['same'] },
}

t.test('a box of each class is seen from inside as what it is', ONLY, async t => {
  const lab = await labWith(t)
  for (const name of ['C1', 'C2', 'C3', 'S1', 'S2', 'S3'] as const) {
    await lab.setNat('home', natOfClass(name, [PUBLIC]))
    const seen = await findings(lab)
    const { mappings, admitted } = EXPECTED[name]
    t.ok(seen.mapped.every(address => address.startsWith(`${PUBLIC}:`)), `${name}: ${seen.mapped}`)
    t.equal(new Set(seen.mapped).size, mappings, `mappings of ${name}`)
    t.strictSame(seen.admitted, admitted, `filtering of ${name}`)
    const [first = 0, second = 0, third = 0] = portsOf(seen)
    if (name.startsWith('C')) t.equal(first, seen.localPort, `${name} preserves the port`)
    if (name === 'S1') {
      t.ok(second > first && third > second && third - first < 100, `${portsOf(seen)} ascend`)
    }
  }
})

t.test('address-dependent mapping tells addresses apart and not ports', ONLY, async t => {
  const lab = await labWith(t)
  const dependence = 'address-dependent'
  await lab.setNat('home', natOfClass('S3', [PUBLIC], { mapping: dependence }))
  const { mapped } = await findings(lab)
  t.equal(mapped[0], mapped[1])
  t.not(mapped[0], mapped[2])
})

t.test('of two boxes in series the stricter one decides', ONLY, async t => {
  const lab = await labWith(t, natOfClass('S3', [PUBLIC]))
  const seen = await findings(lab)
  t.equal(new Set(seen.mapped).size, 3)
  t.ok(seen.mapped.every(address => address.startsWith(`${PUBLIC}:`)))
  await lab.setNat('carrier', natOfClass('C1', [PUBLIC]))
  t.match(await findings(lab), { admitted: ['same'] })
})

t.test('the mappings of a box are counted, and a reset forgets them', ONLY, async t => {
  const lab = await labWith(t)
  await findings(lab)
  t.equal((await lab.stats()).network.mappings['home'], 2)
  await lab.resetNat('home')
  t.equal((await lab.stats()).network.mappings['home'], 0)
})
