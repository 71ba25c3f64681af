// A discovery on the simulated network: hosts behind NATs, and servers with the responder of frps.

import type { Address } from '../../lib/address.ts'
import { natOfClass, type NatClass } from '../../bench/lab/model/nat-classes.ts'
import type { LinkOptions, NatOptions, NetworkSpec } from '../../bench/lab/model/spec.ts'
import {
  Discoverer,
  type Discovery,
  type DiscovererOptions,
  type FilterTestReply,
} from '../../nat/index.ts'
import { Responder, type StunSocket } from '../../nat/stun/index.ts'
import type { SimSocket } from '../sim/sim-socket.ts'
import { Simulation } from '../sim/simulation.ts'

export const SERVER: Address = { ip: '198.51.100.1', port: 7000 }
export const SERVER_SECOND_PORT = 7001
export const SERVER_OTHER: Address = { ip: '198.51.100.2', port: 7002 }
export const SERVER_IP6 = '2001:db8:5::1'
export const FOREIGN: Address = { ip: '198.51.100.9', port: 3478 }
const THIRD_PORT = 50_000
const CONTROL_MS = 30

export interface Scene {
  readonly simulation: Simulation
  readonly responder: Responder
  /** Called when frps answers the filter test of a transaction. */
  readonly onTest: Map<string, () => void>
  readonly hasOtherIp: boolean
  /** Sends what the responder has. */
  drain(): void
}

export interface SceneOptions {
  /** Absent: straight on the internet. */
  readonly nat?: NatOptions
  /** A second NAT before the first. */
  readonly carrier?: NatOptions
  readonly link?: LinkOptions
  readonly seed?: number
  /** Of the host; absent: none. */
  readonly ip6?: string
  /** frps has one address only. Default false. */
  readonly hasOneIp?: boolean
}

/** The host `client`, frps on two addresses and a foreign server of one. */
export function openScene(options: SceneOptions = {}): Scene {
  const { nat, carrier, link = { delayMs: 15 }, seed = 1, ip6, hasOneIp = false } = options
  const spec: NetworkSpec = {
    hosts: [
      { name: 'frps', ip: SERVER.ip, ip6: SERVER_IP6 },
      { name: 'frps-other', ip: SERVER_OTHER.ip },
      { name: 'foreign', ip: FOREIGN.ip },
      {
        name: 'client',
        ip: nat ? '192.168.1.10' : '203.0.113.10',
        ...(ip6 !== undefined && { ip6 }),
        ...(nat && { behind: 'home' }),
      },
    ],
    boxes: [
      ...(nat ? [{ name: 'home', nat, ...(carrier && { behind: 'carrier' }) }] : []),
      ...(carrier ? [{ name: 'carrier', nat: carrier }] : []),
    ],
    links: { [nat ? 'home' : 'client']: { up: link, down: link } },
  }
  const simulation = new Simulation(spec, { seed })
  const sockets: Partial<Record<StunSocket, SimSocket>> = {
    first: simulation.openSocket('frps', { port: SERVER.port }),
    second: simulation.openSocket('frps', { port: SERVER_SECOND_PORT }),
    third: simulation.openSocket('frps', { port: THIRD_PORT }),
    ...(!hasOneIp && { other: simulation.openSocket('frps-other', { port: SERVER_OTHER.port }) }),
  }
  const second = { ip: SERVER.ip, port: SERVER_SECOND_PORT }
  const responder = new Responder({
    otherAddress: (socket, { ip }) => {
      if (ip.includes(':')) return undefined
      return socket === 'first' ? second : SERVER
    },
  })
  const onTest = new Map<string, () => void>()
  const drain = serve(simulation, { responder, sockets, onTest })
  const foreign = new Responder({ otherAddress: () => undefined })
  const foreignSocket = simulation.openSocket('foreign', { port: FOREIGN.port })
  serve(simulation, { responder: foreign, sockets: { first: foreignSocket }, onTest })
  return { simulation, responder, onTest, hasOtherIp: !hasOneIp, drain }
}

interface Served {
  readonly responder: Responder
  readonly sockets: Partial<Record<StunSocket, SimSocket>>
  readonly onTest: Map<string, () => void>
}

function serve(simulation: Simulation, { responder, sockets, onTest }: Served): () => void {
  const drain = (): void => {
    for (let output = responder.poll(); output; output = responder.poll()) {
      const { socket, to, data, testId } = output
      sockets[socket]?.send(data, to)
      if (testId !== undefined) onTest.get(testId)?.()
    }
  }
  for (const name of ['first', 'second', 'other'] as const) {
    const socket = sockets[name]
    if (socket === undefined) continue
    socket.onMessage = ({ payload, from }) => {
      responder.handleDatagram(name, Buffer.from(payload), from, simulation.now())
      drain()
    }
  }
  return drain
}

export interface RunOptions extends Partial<DiscovererOptions> {
  /** The control channel cannot ask for the filter test. */
  readonly isFilterTestRefused?: boolean
}

export interface Run {
  readonly discovery: Discovery
  /** Datagrams that the client sent. */
  readonly sent: number
  /** When the first candidate of a server was known, since the beginning. */
  readonly candidateAfterMs: number | undefined
}

/** Runs one to its end. Error when it has none within 10 s. */
export function discover(scene: Scene, options: RunOptions = {}): Run {
  const { simulation, responder } = scene
  const { isFilterTestRefused = false, ...rest } = options
  const start = simulation.now()
  const sockets: SimSocket[] = []
  let sent = 0
  let candidateAt: number | undefined
  let isDone = false
  let cancel: () => void = () => {}
  const open = (): number => {
    const number = sockets.length
    const socket = simulation.openSocket('client')
    sockets.push(socket)
    socket.onMessage = ({ payload, from }) => {
      if (isDone) return
      machine.handleDatagram(number, Buffer.from(payload), from, simulation.now())
      drive()
    }
    socket.onProblem = () => {}
    return number
  }
  const real = simulation.openSocket('client')
  const machine = new Discoverer(
    {
      servers: [
        { address: SERVER, otherPort: SERVER_SECOND_PORT, hasFilterTest: true },
        ...(scene.hasOtherIp ? [{ address: SERVER_OTHER }] : []),
      ],
      localPort: real.port,
      interfaces: [{ name: 'eth0', ip: real.address().ip, prefixLength: 24 }],
      random: bytes => Buffer.from(Array.from({ length: bytes }, () => simulation.random() * 256)),
      tests: 'all',
      ...rest,
    },
    simulation.now(),
  )
  sockets.push(real)
  real.onMessage = ({ payload, from }) => {
    if (isDone) return
    machine.handleDatagram(0, Buffer.from(payload), from, simulation.now())
    drive()
  }
  const drive = (): void => {
    for (;;) {
      const output = machine.poll(simulation.now())
      if (output === undefined) break
      switch (output.type) {
        case 'send':
          sent++
          sockets[output.socket]?.send(output.data, output.to)
          break
        case 'open-sockets': {
          const opened = Array.from({ length: output.count }, () => {
            const number = open()
            return { number, port: sockets[number]?.port ?? 0 }
          })
          machine.handleSockets(opened, simulation.now())
          break
        }
        case 'ask-filter-test': {
          const { transactionId } = output
          const answer = (reply: FilterTestReply | undefined): void => {
            simulation.after(CONTROL_MS / 2, () => {
              if (isDone) return
              machine.handleFilterReply(reply, simulation.now())
              drive()
            })
          }
          simulation.after(CONTROL_MS / 2, () => {
            if (isFilterTestRefused) return answer(undefined)
            scene.onTest.set(transactionId, () => {
              answer({ fromOtherPort: true, fromOtherIp: scene.hasOtherIp })
            })
            responder.requestFilterTest(transactionId, simulation.now())
            scene.drain()
          })
          break
        }
        case 'update':
          if (machine.discovery(simulation.now()).candidates.some(({ type }) => type === 'srflx')) {
            candidateAt ??= simulation.now()
          }
          break
        case 'done':
          isDone = true
          break
        default:
          output satisfies never
      }
    }
    cancel()
    const deadline = machine.deadline()
    if (deadline !== undefined) cancel = simulation.after(deadline - simulation.now(), drive)
  }
  drive()
  if (!simulation.runUntil(() => isDone, 10_000)) throw new Error('the discovery has no end')
  cancel()
  for (const socket of sockets) socket.close()
  const candidateAfterMs = candidateAt === undefined ? undefined : candidateAt - start
  return { discovery: machine.discovery(simulation.now()), sent, candidateAfterMs }
}

export function natOf(name: NatClass, changes: Partial<NatOptions> = {}): NatOptions {
  return natOfClass(name, ['203.0.113.1'], changes)
}
