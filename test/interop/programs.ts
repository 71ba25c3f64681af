// A tunnel of two programs, each ours or a real frp, configured by the same files; and the service
// and the user that hold it to its word.

import { createHash, randomBytes } from 'node:crypto'
import { accessSync, constants, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePorts } from '../../bench/peers/free-ports.ts'
import { Running } from '../cli/program.ts'
import { readAll, readBytes, service, user } from '../compliance/tunnel.ts'

export type Maker = 'ours' | 'real'
export type Side = 'frps' | 'frpc'

/** Lines of TOML for one transport; an empty protocol leaves the choice to the client. */
export interface Transport {
  readonly name: string
  readonly protocol: 'tcp' | 'quic' | ''
  readonly frps?: readonly string[]
  readonly frpc?: readonly string[]
}

/** Every transport that both makers have. */
export const TRANSPORTS: readonly Transport[] = [
  { name: 'tcp with TLS', protocol: 'tcp' },
  { name: 'tcp without TLS', protocol: 'tcp', frpc: ['transport.tls.enable = false'] },
  {
    name: 'tcp without multiplexing',
    protocol: 'tcp',
    frps: ['transport.tcpMux = false'],
    frpc: ['transport.tcpMux = false'],
  },
  { name: 'quic', protocol: 'quic' },
]

/** The folder of the real programs. */
const frpBin: string | undefined = process.env['FRP_BIN']

/** Why tests with real programs are skipped, or false when they can run. */
export function skipReason(): string | false {
  if (frpBin === undefined || frpBin === '') return 'FRP_BIN does not name real frp programs'
  for (const side of ['frps', 'frpc']) {
    try {
      accessSync(join(frpBin, side), constants.X_OK)
    } catch {
      return `FRP_BIN is ${frpBin}, but there is no executable ${side} in it`
    }
  }
  return false
}

/**
 * Starts one of the programs with a file of this text, which is named after `role`; killed at the
 * test's end.
 */
export function start(
  t: Test,
  maker: Maker,
  side: Side,
  text: string,
  role: string = side,
): Running {
  const path = join(t.testdirName, `${maker}-${role}.toml`)
  writeFileSync(path, text)
  const program = maker === 'ours' ? side : { path: join(frpBin ?? '', side) }
  const running = new Running(program, ['-c', path])
  t.teardown(() => running.kill())
  return running
}

export interface Makers {
  readonly frps: Maker
  readonly frpc: Maker
}

export interface ProgramsChoice {
  readonly makers: Makers
  readonly transport: Transport
  /** Lines of TOML within each proxy's table, by its name. All of them publish one local port. */
  readonly proxies: Readonly<Record<string, readonly string[]>>
  readonly localPort: number
  /** Of all proxies. Default: tcp. */
  readonly type?: 'tcp' | 'udp'
}

export interface Programs {
  readonly bindPort: number
  readonly frps: Running
  readonly frpc: Running
  /** The public port of each proxy. */
  readonly ports: Readonly<Record<string, number>>
  /**
   * Kills a program as a crash would, and starts it again with the same file: a client when the
   * server has noticed, since it would find its ports taken before. Resolves when every proxy is up.
   */
  restart(side: Side): Promise<void>
}

/** Starts both and resolves when every proxy is up. */
export async function openPrograms(t: Test, choice: ProgramsChoice): Promise<Programs> {
  const { makers } = choice
  t.testdir({})
  const names = Object.keys(choice.proxies)
  const [bindPort = 0, ...publicPorts] = await freePorts(1 + names.length)
  const ports = Object.fromEntries(names.map((name, i) => [name, publicPorts[i] ?? 0]))
  const files = {
    frps: serverFile(choice, bindPort),
    frpc: clientFile(choice, bindPort, ports),
  }
  const startSide = async (side: Side): Promise<Running> => {
    const running = start(t, makers[side], side, files[side])
    if (side === 'frps') await running.printed('frps started successfully')
    else await proxiesUp(running, names)
    return running
  }
  const programs = { frps: await startSide('frps'), frpc: await startSide('frpc') }
  return {
    bindPort,
    get frps() {
      return programs.frps
    },
    get frpc() {
      return programs.frpc
    },
    ports,
    async restart(side) {
      programs.frpc.stdout = ''
      programs.frps.stdout = ''
      await programs[side].kill()
      if (side === 'frpc') await programs.frps.printed('client exit success')
      programs[side] = await startSide(side)
      if (side === 'frps') await proxiesUp(programs.frpc, names)
    },
  }
}

async function proxiesUp(frpc: Running, names: readonly string[]): Promise<void> {
  for (const name of names) await frpc.printed(`[${name}] start proxy success`)
}

function serverFile({ transport }: ProgramsChoice, bindPort: number): string {
  return lines(
    'bindAddr = "127.0.0.1"',
    `bindPort = ${bindPort}`,
    // A real frps has QUIC only where it is told to; UDP and TCP ports are apart.
    ...(transport.protocol === 'quic' ? [`quicBindPort = ${bindPort}`] : []),
    'auth.token = "correct horse"',
    'log.level = "debug"',
    'log.disablePrintColor = true',
    ...(transport.frps ?? []),
  )
}

function clientFile(
  { transport, proxies, localPort, type = 'tcp' }: ProgramsChoice,
  bindPort: number,
  ports: Readonly<Record<string, number>>,
): string {
  return lines(
    'serverAddr = "127.0.0.1"',
    `serverPort = ${bindPort}`,
    ...(transport.protocol === '' ? [] : [`transport.protocol = "${transport.protocol}"`]),
    'auth.token = "correct horse"',
    'log.level = "debug"',
    'log.disablePrintColor = true',
    ...(transport.frpc ?? []),
    ...Object.entries(proxies).flatMap(([name, extra]) => [
      '[[proxies]]',
      `name = "${name}"`,
      `type = "${type}"`,
      'localIP = "127.0.0.1"',
      `localPort = ${localPort}`,
      `remotePort = ${ports[name]}`,
      ...extra,
    ]),
  )
}

function lines(...texts: readonly string[]): string {
  return texts.join('\n') + '\n'
}

const MAX_BYTES = 16 << 20
const HASH_BYTES = 32
/** What the service sends: a prefix of it. Random, so that compression cannot shorten it. */
const DOWN: Buffer = randomBytes(MAX_BYTES)

/**
 * A service for exchange(): reads a length (4 bytes), then sends so many bytes while it receives as
 * many, and last the hash of what came. Nobody has to end a direction early, because frp's rule is
 * that the first end closes both.
 */
export function exchangeService(t: Test): Promise<number> {
  return service(t, socket => void serveExchange(socket))
}

async function serveExchange(socket: net.Socket): Promise<void> {
  const head = await readBytes(socket, 4)
  if (head.length < 4) {
    socket.destroy()
    return
  }
  const length = head.readUInt32BE(0)
  socket.write(DOWN.subarray(0, length))
  const hash = createHash('sha256')
  let left = length
  socket.on('data', (chunk: Buffer) => {
    hash.update(chunk)
    left -= chunk.length
    if (left === 0) socket.end(hash.digest())
    if (left < 0) socket.destroy()
  })
}

export interface Exchanged {
  /** Whether both hashes are right. */
  readonly isIntact: boolean
  /** What came, in bytes, beside what should have. */
  readonly received: string
  readonly tookMs: number
}

/** So many random bytes each way at once through a public port of exchangeService(). */
export async function exchange(t: Test, port: number, length: number): Promise<Exchanged> {
  const up = randomBytes(length)
  const startedAt = performance.now()
  const socket = await user(t, port)
  const head = Buffer.alloc(4)
  head.writeUInt32BE(length)
  const all = readAll(socket)
  socket.write(head)
  socket.write(up)
  const bytes = await all
  socket.destroy()
  const isIntact =
    bytes.subarray(0, length).equals(DOWN.subarray(0, length)) &&
    bytes.subarray(length).equals(createHash('sha256').update(up).digest())
  return {
    isIntact,
    received: `${bytes.length} of ${length + HASH_BYTES}`,
    tookMs: performance.now() - startedAt,
  }
}
