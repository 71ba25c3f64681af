// Runs a router before the one of the lab, with sockets in place of devices: the first packets of a
// measurement shall not wait while the code that carries them is compiled (up to 9 ms, one piece
// after the other) and while the first garbage collections get their memory (6 ms).

import { HostDevice } from './device.ts'
import { udpPacket } from './model/build.ts'
import { keyOf } from './model/ip.ts'
import { Network } from './model/network.ts'
import { seededRandom } from './model/random.ts'
import type { HostSpec, LinkPair, NetworkSpec } from './model/spec.ts'
import { Router } from './router.ts'
import type { Syscalls } from './syscalls.ts'

const AF_UNIX = 1
/** SOCK_SEQPACKET, SOCK_NONBLOCK, SOCK_CLOEXEC: keeps packets apart, as a TUN device does. */
const SOCKET_TYPE = 5 | 0o4000 | 0o2000000
/** So many taken from hosts, then the compiler has seen what is worth it. */
const PACKETS = 20_000
/** In case that few pass, as behind a box that blocks UDP. */
const MAX_ROUNDS = 5000
/** Arrays of 800 bytes; three times the young generation, so that each half has been used. */
const GARBAGE_ARRAYS = 30_000
const GARBAGE_LENGTH = 100
const PORT = 9
const PAYLOAD_BYTES = 64
const MAX_PACKET_BYTES = 2048
/** Where things stand in an IPv4 header without options, and behind it. */
const TTL_AT = 8
const SOURCE_AT = 12
const PORTS_AT = 20
/** An echo that has gone to and fro a few times is let go. */
const MIN_TTL = 56

/** In place of the links of the lab: all that a link does, and nothing takes long. */
const LINK: LinkPair = {
  up: { delayMs: 0.07, rateBitsPerSecond: 1e9, queueBytes: 1e6, loss: 0.01 },
  down: { delayMs: 0.07, rateBitsPerSecond: 1e9, queueBytes: 1e6, loss: 0.01 },
}

/** Takes some 0.3 s of processor time. */
export function warmUp(calls: Syscalls, spec: NetworkSpec): void {
  const fds: number[] = []
  try {
    const pairs = spec.hosts.map(host => {
      return { host, packets: packetsOf(host, spec), ...socketPair(calls, fds) }
    })
    const control = socketPair(calls, fds)
    // Never read, so that the router asks in each of its rounds.
    calls.write(control.far, Buffer.alloc(1), 1)
    let rounds = 0
    let sent = 0
    runRouter(calls, spec, {
      devices: pairs.map(({ host, near }) => ({ host, fd: near })),
      controlFd: control.near,
      handleControl: () => {
        for (const { far, packets } of pairs) sent += exchange(calls, far, packets)
        rounds += 1
        return sent < PACKETS && rounds < MAX_ROUNDS
      },
    })
  } finally {
    for (const fd of fds) calls.close(fd)
  }
  // A new array each time, which is garbage when the next one is made.
  let garbage: number[] = []
  for (let count = 0; count < GARBAGE_ARRAYS; count++) {
    garbage = new Array<number>(GARBAGE_LENGTH).fill(garbage.length)
  }
}

interface Ends {
  readonly devices: readonly { readonly host: HostSpec; readonly fd: number }[]
  readonly controlFd: number
  readonly handleControl: () => boolean
}

function runRouter(calls: Syscalls, spec: NetworkSpec, ends: Ends): void {
  const names = [...spec.hosts, ...(spec.boxes ?? [])].map(({ name }) => name)
  const links = Object.fromEntries(names.map(name => [name, LINK]))
  const network = new Network({ ...spec, links }, { random: seededRandom(0) })
  const devices = ends.devices.map(({ host, fd }) => new HostDevice(fd, [host]))
  const deviceOf = new Map(devices.flatMap(one => one.names.map(name => [name, one] as const)))
  const { controlFd, handleControl } = ends
  new Router({ calls, network, devices, deviceOf, controlFd, handleControl }).run()
}

/**
 * The program's end of a host: sends new packets, and what came back to where it came from. Returns
 * how many; a full queue may have dropped some.
 */
function exchange(calls: Syscalls, fd: number, packets: readonly Uint8Array[]): number {
  for (const packet of packets) calls.write(fd, packet, packet.length)
  let count = packets.length
  const buffer = Buffer.alloc(MAX_PACKET_BYTES)
  for (;;) {
    const length = calls.read(fd, buffer, MAX_PACKET_BYTES)
    if (length <= 0) return count
    if ((buffer[TTL_AT] ?? 0) < MIN_TTL) continue
    reverse(buffer)
    calls.write(fd, buffer, length)
    count += 1
  }
}

function packetsOf(host: HostSpec, { hosts }: NetworkSpec): Uint8Array[] {
  return hosts.filter(other => other !== host).map(other => packet(host.ip, other.ip))
}

function packet(source: string, destination: string): Uint8Array {
  return udpPacket({
    source: keyOf(source),
    sourcePort: PORT,
    destination: keyOf(destination),
    destinationPort: PORT,
    payload: new Uint8Array(PAYLOAD_BYTES),
  })
}

/** Swaps the addresses and ports, which leaves the checksums right. */
function reverse(bytes: Uint8Array): void {
  const source = bytes.slice(SOURCE_AT, SOURCE_AT + 4)
  bytes.copyWithin(SOURCE_AT, SOURCE_AT + 4, SOURCE_AT + 8)
  bytes.set(source, SOURCE_AT + 4)
  const port = bytes.slice(PORTS_AT, PORTS_AT + 2)
  bytes.copyWithin(PORTS_AT, PORTS_AT + 2, PORTS_AT + 4)
  bytes.set(port, PORTS_AT + 2)
}

function socketPair(calls: Syscalls, opened: number[]): { near: number; far: number } {
  const pair = new Int32Array(2)
  const bytes = new Uint8Array(pair.buffer)
  if (calls.socketpair(AF_UNIX, SOCKET_TYPE, 0, bytes) !== 0) {
    throw new Error(`socketpair: ${calls.lastError()}`)
  }
  const [near = -1, far = -1] = pair
  opened.push(near, far)
  return { near, far }
}
