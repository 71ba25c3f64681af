// Who opens the way: ours or real frp, each as its user starts it: frps, and a frpc with an xtcp
// proxy and one with its visitor.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from '../peers/free-ports.ts'
import { openWorkspace } from '../peers/workspace.ts'
import type { Workspace } from '../peers/workspace.ts'
import type { Program } from '../process.ts'
import { SERVER_IP, STUN_IPS } from './places.ts'
import { STUN_PORT } from './stun.ts'
import type { World } from './world.ts'
import type { Side } from './places.ts'

const START_LIMIT_MS = 20_000
const BIND_PORT = 7000
const SECRET = 'nat-bench'

export interface NatPeer {
  readonly name: string
  readonly description: string
  readonly isOurs: boolean
  /** Command lines without `-c FILE`. */
  readonly frps: readonly string[]
  readonly frpc: readonly string[]
  /** Lines of TOML for the xtcp visitor. */
  readonly visitor: readonly string[]
}

export interface PairOptions {
  /** `relay`: a stcp visitor. `fallback`: xtcp with a stcp visitor to fall back on. */
  readonly way?: 'xtcp' | 'relay' | 'fallback'
  /** Lines of TOML for the visitor. */
  readonly visitor?: readonly string[]
}

/** One frps that runs in the world, and what is started beside it. */
export class NatServer {
  readonly peer: NatPeer
  readonly #world: World
  readonly #workspace: Workspace
  #pairs = 0
  #frps: Program | undefined

  private constructor(world: World, peer: NatPeer, workspace: Workspace) {
    this.#world = world
    this.peer = peer
    this.#workspace = workspace
  }

  static async start(world: World, peer: NatPeer): Promise<NatServer> {
    const server = new NatServer(world, peer, await openWorkspace())
    try {
      await server.restart()
      return server
    } catch (error) {
      await server.close()
      throw error
    }
  }

  /** After `kill`, or at first. */
  async restart(): Promise<void> {
    const { peer } = this
    const config = [`bindPort = ${BIND_PORT}`, 'log.disablePrintColor = true']
    const file = await this.#write('frps', config)
    const argv = [...peer.frps, '-c', file]
    this.#frps = this.#world.start('server', `frps of ${peer.name}`, argv)
    await this.#frps.printed(['frps started successfully'], START_LIMIT_MS)
  }

  /** As a crash, a power cut. */
  async kill(): Promise<void> {
    this.#frps?.kill('SIGKILL')
    await this.#frps?.stop()
    this.#frps = undefined
  }

  /** Both clients, the owner's first: each logged in, the door open. */
  async openPair(options: PairOptions = {}): Promise<NatPair> {
    const { peer } = this
    const [doorPort = 0, relayPort = 0] = await freePorts(2)
    const common = [
      `serverAddr = "${SERVER_IP}"`,
      `serverPort = ${BIND_PORT}`,
      `natHoleStunServer = "${STUN_IPS[0]}:${STUN_PORT}"`,
      'log.disablePrintColor = true',
    ]
    const way = options.way ?? 'xtcp'
    // A server that has not noticed the end of the last pair must not refuse this one.
    const number = ++this.#pairs
    const [direct, relayed] = [`direct-${number}`, `relay-${number}`]
    const owner = await this.#write('owner', [
      ...common,
      ...(way === 'relay' ? [] : proxy(direct, 'xtcp', this.#world.servicePort)),
      ...(way === 'xtcp' ? [] : proxy(relayed, 'stcp', this.#world.servicePort)),
    ])
    const doors = way === 'relay' ? [] : [
      ...visitor(direct, 'xtcp', doorPort),
      ...peer.visitor,
      ...(way === 'fallback' ? [`fallbackTo = "${relayed}-visitor"`] : []),
      ...(options.visitor ?? []),
    ]
    const relay = way === 'xtcp' ? [] : visitor(relayed, 'stcp', relayPort)
    const visiting = await this.#write('visitor', [...common, ...doors, ...relay])
    const started: Program[] = []
    const start = async (host: Side, file: string, ready: string): Promise<Program> => {
      const program = this.#world.start(host, `${host} of ${peer.name}`, [...peer.frpc, '-c', file])
      started.push(program)
      await program.printed([ready], START_LIMIT_MS)
      return program
    }
    try {
      const owning = await start('owner', owner, 'start proxy success')
      const visitingNow = await start('visitor', visiting, 'start visitor success')
      return new NatPair(owning, visitingNow, way === 'relay' ? relayPort : doorPort)
    } catch (error) {
      await Promise.all(started.map(program => program.stop()))
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#frps?.stop()
    await this.#workspace.remove()
  }

  async #write(name: string, lines: readonly string[]): Promise<string> {
    const file = join(this.#workspace.directory, `${name}.toml`)
    await writeFile(file, `${lines.join('\n')}\n`)
    return file
  }
}

export class NatPair {
  /** Of the door, on the visitor's host. */
  readonly port: number
  readonly owner: Program
  readonly visitor: Program

  constructor(owner: Program, visitor: Program, port: number) {
    this.owner = owner
    this.visitor = visitor
    this.port = port
  }

  /** Throws with a program's last lines when it has ended. */
  check(): void {
    this.owner.check()
    this.visitor.check()
  }

  async close(): Promise<void> {
    await Promise.all([this.owner.stop(), this.visitor.stop()])
  }
}

function proxy(name: string, type: string, localPort: number): string[] {
  return [
    '[[proxies]]',
    `name = "${name}"`,
    `type = "${type}"`,
    `secretKey = "${SECRET}"`,
    'localIP = "127.0.0.1"',
    `localPort = ${localPort}`,
  ]
}

function visitor(serverName: string, type: string, bindPort: number): string[] {
  return [
    '[[visitors]]',
    `name = "${serverName}-visitor"`,
    `type = "${type}"`,
    `serverName = "${serverName}"`,
    `secretKey = "${SECRET}"`,
    'bindAddr = "127.0.0.1"',
    `bindPort = ${bindPort}`,
  ]
}
