// xtcp between programs of ours and real ones, in the lab of the nat bench: both clients behind
// NATs, and a user who asks for an echo through the hole.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { labSupport } from '../../bench/lab/index.ts'
import { PEER_RTT_MS, SERVER_IP, STUN_IPS } from '../../bench/nat/places.ts'
import type { Kind } from '../../bench/nat/places.ts'
import { STUN_PORT } from '../../bench/nat/stun.ts'
import type { EchoAnswer } from '../../bench/nat/traffic.ts'
import { type HostName, World } from '../../bench/nat/world.ts'
import type { Program } from '../../bench/process.ts'
import { freePorts } from '../../bench/peers/free-ports.ts'
import { type Maker, type Side, skipReason as withoutFrp } from './programs.ts'

/** A busy machine may take seconds to start a program. */
const START_LIMIT_MS = 30_000
const BIND_PORT = 7000

/** Why such tests cannot run here. */
export function skipReason(): string | false {
  const lab = labSupport()
  return withoutFrp() || (lab === true ? false : lab)
}

export interface Clients {
  readonly visitor: Maker
  readonly owner: Maker
  /** What stands before each. */
  readonly nats: { readonly visitor: Kind; readonly owner: Kind }
  /** Lines of TOML within the tables of the proxy and the visitor; `false` leaves the key out. */
  readonly lines?: { readonly proxy?: readonly string[]; readonly visitor?: readonly string[] }
  /** Lines of TOML at the end of the visitor's or the owner's file. */
  readonly more?: { readonly owner?: readonly string[]; readonly visitor?: readonly string[] }
}

export interface OpenClients {
  readonly owner: Program
  readonly visitor: Program
  /** Of the door, on the visitor's host. */
  readonly port: number
  close(): Promise<void>
}

export class XtcpLab {
  readonly world: World
  readonly frps: Program
  readonly #t: Test
  #pairs = 0

  /** With one server; closed at the test's end. */
  static async open(t: Test, server: Maker): Promise<XtcpLab> {
    t.testdir({})
    const world = await World.open()
    t.teardown(() => world.close())
    const file = write(t, 'frps', [`bindPort = ${BIND_PORT}`, ...LOG])
    const frps = startIn(world, 'server', server, 'frps', file)
    t.teardown(() => frps.stop())
    await frps.printed(['frps started successfully'], START_LIMIT_MS)
    return new XtcpLab(t, world, frps)
  }

  private constructor(t: Test, world: World, frps: Program) {
    this.#t = t
    this.world = world
    this.frps = frps
  }

  async connect({ visitor, owner, nats, lines, more }: Clients): Promise<OpenClients> {
    await this.world.stand({ type: 'apart', ...nats })
    const [port = 0] = await freePorts(1)
    const name = `x${++this.#pairs}`
    const common = [
      `serverAddr = "${SERVER_IP}"`,
      `serverPort = ${BIND_PORT}`,
      `natHoleStunServer = "${STUN_IPS[0]}:${STUN_PORT}"`,
      'transport.protocol = "tcp"',
      ...LOG,
    ]
    const ofOwner = write(this.#t, `owner-${name}`, [
      ...common,
      'user = "ann"',
      '[[proxies]]',
      `name = "${name}"`,
      'type = "xtcp"',
      'allowUsers = ["bob"]',
      `localPort = ${this.world.servicePort}`,
      ...withKey(lines?.proxy),
      ...(more?.owner ?? []),
    ])
    const ofVisitor = write(this.#t, `visitor-${name}`, [
      ...common,
      'user = "bob"',
      '[[visitors]]',
      `name = "door-${name}"`,
      'type = "xtcp"',
      'serverUser = "ann"',
      `serverName = "${name}"`,
      `bindPort = ${port}`,
      ...withKey(lines?.visitor),
      ...(more?.visitor ?? []),
    ])
    const owning = startIn(this.world, 'owner', owner, 'frpc', ofOwner)
    const visiting = startIn(this.world, 'visitor', visitor, 'frpc', ofVisitor)
    await owning.printed([`[${name}] start proxy success`], START_LIMIT_MS)
    await visiting.printed(['start visitor success'], START_LIMIT_MS)
    const close = async (): Promise<void> => {
      await Promise.all([owning.stop(), visiting.stop()])
    }
    return { owner: owning, visitor: visiting, port, close }
  }

  /** A user's echo, until something came back or `limitMs` are over. */
  echo(port: number, limitMs: number): Promise<EchoAnswer> {
    const question = { type: 'echo', port, intervalMs: 20, limitMs } as const
    const untilBelowMs = 2 * PEER_RTT_MS
    const { signal } = new AbortController()
    return this.world.ask({ ...question, untilBelowMs }, { signal })
  }
}

const LOG = ['log.level = "debug"', 'log.disablePrintColor = true']

/** The one secret of all, unless the lines have another. */
function withKey(lines: readonly string[] = []): readonly string[] {
  const hasKey = lines.some(line => line.startsWith('secretKey'))
  return hasKey ? lines : ['secretKey = "open sesame"', ...lines]
}

function write(t: Test, name: string, lines: readonly string[]): string {
  const path = join(t.testdirName, `${name}.toml`)
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

function startIn(world: World, host: HostName, maker: Maker, side: Side, file: string): Program {
  const ours = fileURLToPath(new URL(`../../cli/${side}.js`, import.meta.url))
  const argv =
    maker === 'ours' ? [process.execPath, ours] : [join(process.env['FRP_BIN'] ?? '', side)]
  return world.start(host, `${maker} ${side} on ${host}`, [...argv, '-c', file])
}
