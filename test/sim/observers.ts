// What a STUN server of RFC 5780 is to a test: two hosts with two ports each, that say which
// address they see and answer from where they are asked to. Plain text instead of STUN.

import type { Address } from '../../lib/address.ts'
import type { HostSpec } from '../../bench/lab/model/spec.ts'
import type { SimSocket } from './sim-socket.ts'
import type { Simulation } from './simulation.ts'

export const OBSERVER_HOSTS: readonly HostSpec[] = [
  { name: 'observer-1', ip: '198.51.100.1' },
  { name: 'observer-2', ip: '198.51.100.2' },
]

export const FIRST: Address = { ip: '198.51.100.1', port: 3478 }
export const OTHER_PORT: Address = { ip: '198.51.100.1', port: 3479 }
export const OTHER_IP: Address = { ip: '198.51.100.2', port: 3478 }

/** Who shall answer a request. */
export type Answerer = 'same' | 'other port' | 'other ip'

/** Opens the sockets of the observers, which must be in the simulation's spec. */
export function openObservers(simulation: Simulation): void {
  const [one, two] = OBSERVER_HOSTS.map(({ name }) => [
    simulation.openSocket(name, { port: FIRST.port }),
    simulation.openSocket(name, { port: OTHER_PORT.port }),
  ])
  for (const [host, other] of [[one, two] as const, [two, one] as const]) {
    for (const [index, socket] of (host ?? []).entries()) {
      socket.onMessage = ({ payload, from }) => {
        const answerers: Record<Answerer, SimSocket | undefined> = {
          same: socket,
          'other port': host?.[1 - index],
          'other ip': other?.[index],
        }
        const asked = new TextDecoder().decode(payload)
        for (const [name, answerer] of Object.entries(answerers)) {
          if (name === asked) answerer?.send(`${asked} ${from.ip} ${from.port}`, from)
        }
      }
    }
  }
}

/** The address that an observer sees; undefined when no answer came within a second. */
export function ask(
  simulation: Simulation,
  socket: SimSocket,
  observer: Address,
  answerer: Answerer = 'same',
): Address | undefined {
  let seen: Address | undefined
  socket.onMessage = ({ payload }) => {
    const [ip = '', port] = new TextDecoder().decode(payload).slice(answerer.length + 1).split(' ')
    seen = { ip, port: Number(port) }
  }
  socket.send(answerer, observer)
  simulation.runUntil(() => seen !== undefined, 1000)
  return seen
}
