// xtcp with real frp in each place, through the exchange of frp: behind which NATs it opens a hole,
// and who is let in.

import t, { type Test } from 'tap'
import { type Kind, PEER_RTT_MS } from '../../bench/nat/places.ts'
import type { Maker } from './programs.ts'
import { skipReason, XtcpLab } from './xtcp.ts'

/** A user waits so long with frp; what takes longer is of no use to him. */
const LIMIT_MS = 20_000

const LAYERS = ['transport.useEncryption = true', 'transport.useCompression = true']

interface Case {
  readonly visitor: Maker
  readonly owner: Maker
  readonly nats: readonly [visitor: Kind, owner: Kind]
  readonly hasLayers?: boolean
  readonly isKcp?: boolean
  /** In frps' log: which way worked. */
  readonly mode: number
}

const CASES: Readonly<Record<Maker, readonly Case[]>> = {
  ours: [
    { visitor: 'real', owner: 'real', nats: ['port-restricted', 'port-restricted'], mode: 0 },
    // A real frps never gets these two together.
    { visitor: 'real', owner: 'real', nats: ['sequential', 'sequential'], mode: 7 },
    { visitor: 'real', owner: 'ours', nats: ['full cone', 'random'], mode: 6 },
    {
      visitor: 'ours',
      owner: 'real',
      nats: ['port-restricted', 'sequential'],
      hasLayers: true,
      mode: 5,
    },
    {
      visitor: 'real',
      owner: 'ours',
      nats: ['port-restricted', 'port-restricted'],
      isKcp: true,
      mode: 0,
    },
    {
      visitor: 'ours',
      owner: 'real',
      nats: ['port-restricted', 'sequential'],
      isKcp: true,
      mode: 5,
    },
  ],
  real: [
    {
      visitor: 'real',
      owner: 'ours',
      nats: ['port-restricted', 'port-restricted'],
      hasLayers: true,
      mode: 0,
    },
    { visitor: 'ours', owner: 'real', nats: ['sequential', 'port-restricted'], mode: 1 },
    { visitor: 'ours', owner: 'ours', nats: ['random', 'full cone'], mode: 2 },
    {
      visitor: 'ours',
      owner: 'real',
      nats: ['port-restricted', 'port-restricted'],
      hasLayers: true,
      isKcp: true,
      mode: 0,
    },
    { visitor: 'real', owner: 'ours', nats: ['full cone', 'sequential'], isKcp: true, mode: 1 },
  ],
}

const REFUSALS = [
  {
    title: 'a real visitor with the wrong key, by an owner of ours',
    clients: { visitor: 'real', owner: 'ours', lines: { visitor: ['secretKey = "barley"'] } },
    words: 'auth failed',
  },
] as const

async function opensHole(
  t: Test,
  lab: XtcpLab,
  { visitor, owner, nats, hasLayers = false, isKcp = false, mode }: Case,
): Promise<void> {
  const lines = hasLayers ? LAYERS : []
  const { port, close } = await lab.connect({
    visitor,
    owner,
    nats: { visitor: nats[0], owner: nats[1] },
    lines: { proxy: lines, visitor: isKcp ? [...lines, 'protocol = "kcp"'] : lines },
  })
  t.teardown(close)
  const { sentAt, startedAt, roundTripMs } = await lab.echo(port, LIMIT_MS)
  const isDirect = roundTripMs.some(took => took !== null && took < 2 * PEER_RTT_MS)
  t.ok(isDirect, 'a message came back faster than any relay could')
  t.comment(`direct after ${Math.round((sentAt.at(-1) ?? 0) - startedAt)} ms`)
  await lab.frps.printed([`report make hole success: true, mode ${mode}, `], 5_000)
}

for (const server of ['ours', 'real'] as const) {
  t.test(`frps ${server}`, { skip: skipReason(), timeout: 110_000 }, async t => {
    const lab = await XtcpLab.open(t, server)
    for (const one of CASES[server]) {
      const [before, behind] = one.nats
      const ways = `visitor ${one.visitor} behind ${before}, owner ${one.owner} behind ${behind}`
      const title = one.isKcp === true ? `kcp: ${ways}` : ways
      await t.test(title, t => opensHole(t, lab, one))
    }
    if (server === 'real') return
    for (const { title, clients, words } of REFUSALS) {
      await t.test(`refused: ${title}`, async t => {
        const nats = { visitor: 'public', owner: 'public' } as const
        const { visitor, port, close } = await lab.connect({ ...clients, nats })
        t.teardown(close)
        const { roundTripMs } = await lab.echo(port, 1_000)
        t.notOk(roundTripMs.some(took => took !== null))
        await visitor.printed([words], 5_000)
      })
    }
  })
}
