// Three programs around secret proxies, each ours or a real frp: frps, the owner's frpc and the
// visitor's frpc.

import type { Test } from 'tap'
import { freePorts } from '../../bench/peers/free-ports.ts'
import type { Running } from '../cli/program.ts'
import { type Maker, start, type Transport } from './programs.ts'

export interface Mix {
  readonly frps: Maker
  readonly owner: Maker
  readonly visitor: Maker
}

/** All mixes in which at least one is ours and one is real. */
export const MIXES: readonly Mix[] = (['ours', 'real'] as const).flatMap(frps =>
  (['ours', 'real'] as const).flatMap(owner =>
    (['ours', 'real'] as const).map(visitor => ({ frps, owner, visitor })),
  ),
).filter(({ frps, owner, visitor }) => new Set([frps, owner, visitor]).size > 1)

export const titleOf = ({ frps, owner, visitor }: Mix): string =>
  `owner ${owner}, frps ${frps}, visitor ${visitor}`

/** Lines of TOML within the tables of one proxy and of its visitor. */
export interface Pair {
  readonly proxy?: readonly string[]
  readonly visitor?: readonly string[]
}

export interface VisitsChoice {
  readonly mix: Mix
  readonly transport: Transport
  readonly type: 'stcp' | 'sudp' | 'xtcp'
  readonly pairs: Readonly<Record<string, Pair>>
  readonly localPort: number
}

export interface Visits {
  readonly frps: Running
  readonly owner: Running
  readonly visitor: Running
  /** The local port of each visitor. */
  readonly ports: Readonly<Record<string, number>>
}

const LAYERS = ['transport.useEncryption = true', 'transport.useCompression = true']

/** The layers of either leg, and of both. */
export const PAIRS: Readonly<Record<string, Pair>> = {
  plain: {},
  encrypted: { proxy: LAYERS.slice(0, 1), visitor: LAYERS.slice(0, 1) },
  compressed: { proxy: LAYERS.slice(1), visitor: LAYERS.slice(1) },
  both: { proxy: LAYERS, visitor: LAYERS },
  'visitor-only': { visitor: LAYERS },
  'proxy-only': { proxy: LAYERS },
}

/** Resolves when every proxy and every visitor is up. */
export async function openVisits(t: Test, choice: VisitsChoice): Promise<Visits> {
  const { mix, transport, type, pairs, localPort } = choice
  t.testdir({})
  const names = Object.keys(pairs)
  const [bindPort = 0, ...doors] = await freePorts(1 + names.length)
  const ports = Object.fromEntries(names.map((name, i) => [name, doors[i] ?? 0]))
  const isQuic = transport.protocol === 'quic'
  const frps = start(t, mix.frps, 'frps', [
    'bindAddr = "127.0.0.1"',
    `bindPort = ${bindPort}`,
    ...(isQuic ? [`quicBindPort = ${bindPort}`] : []),
    ...COMMON,
    ...(transport.frps ?? []),
  ].join('\n'))
  await frps.printed('frps started successfully')
  const client = (maker: Maker, user: string, entries: readonly string[]): Running => {
    const text = [
      'serverAddr = "127.0.0.1"',
      `serverPort = ${bindPort}`,
      `user = "${user}"`,
      ...(transport.protocol === '' ? [] : [`transport.protocol = "${transport.protocol}"`]),
      ...COMMON,
      ...(transport.frpc ?? []),
      // Whoever runs the tests has a router that is not to be asked; a real frpc asks none.
      ...(type === 'xtcp' && maker === 'ours' ? ['natPortMapping = false'] : []),
      ...entries,
    ]
    return start(t, maker, 'frpc', text.join('\n'), user)
  }
  const owner = client(
    mix.owner,
    'ann',
    names.flatMap(name => [
      '[[proxies]]',
      `name = "${name}"`,
      `type = "${type}"`,
      'allowUsers = ["bob"]',
      `localPort = ${localPort}`,
      ...withKey(pairs[name]?.proxy),
    ]),
  )
  for (const name of names) await owner.printed(`[${name}] start proxy success`)
  const visitor = client(
    mix.visitor,
    'bob',
    names.flatMap(name => [
      '[[visitors]]',
      `name = "door-${name}"`,
      `type = "${type}"`,
      'serverUser = "ann"',
      `serverName = "${name}"`,
      `bindPort = ${ports[name]}`,
      ...withKey(pairs[name]?.visitor),
    ]),
  )
  // A real frpc opens the doors before it says this, and does not name them one by one.
  if (mix.visitor === 'real') await visitor.printed('visitor added: [')
  else for (const name of names) await visitor.printed(`[door-${name}] start visitor success`)
  return { frps, owner, visitor, ports }
}

const COMMON = [
  'auth.token = "correct horse"',
  'log.level = "debug"',
  'log.disablePrintColor = true',
]

/** The one secret of all, unless the lines have another. */
function withKey(lines: readonly string[] = []): readonly string[] {
  const hasKey = lines.some(line => line.startsWith('secretKey'))
  return hasKey ? lines : ['secretKey = "open sesame"', ...lines]
}
