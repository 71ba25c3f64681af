// Carries packets through a network like that of the lab before it opens: the first packets of a
// measurement shall not wait while the model is compiled (1.5 ms) and the first garbage collections
// get their memory (6 ms). Sans-IO.

import { udpPacket } from './model/build.ts'
import { keyOf } from './model/ip.ts'
import { Network } from './model/network.ts'
import { seededRandom } from './model/random.ts'
import type { NetworkSpec } from './model/spec.ts'

/** Then the optimizing compiler has seen what is worth it; some 20 ms. */
const PACKETS = 10_000
/** Arrays of 800 bytes; three times the young generation, so that each half has been used. */
const GARBAGE_ARRAYS = 30_000
const GARBAGE_LENGTH = 100
/** Time of the model between two packets. A fraction, as the compiler tells integers apart. */
const GAP_MS = 0.37
const PORT = 9
const PAYLOAD_BYTES = 64
/** Where things stand in an IPv4 header without options, and behind it. */
const TTL_AT = 8
const SOURCE_AT = 12
const PORTS_AT = 20
/** An echo that has gone to and fro a few times is let go. */
const MIN_TTL = 56

export function warmUp(spec: NetworkSpec): void {
  carry(spec)
  // A new array each time, which is garbage when the next one is made.
  let garbage: number[] = []
  for (let count = 0; count < GARBAGE_ARRAYS; count++) {
    garbage = new Array<number>(GARBAGE_LENGTH).fill(garbage.length)
  }
}

function carry(spec: NetworkSpec): void {
  const network = new Network(spec, { random: seededRandom(0) })
  const templates = spec.hosts.flatMap(from =>
    spec.hosts
      .filter(to => to !== from && !to.ip.includes(':'))
      .map(to => ({ host: from.name, bytes: packet(from.ip, to.ip) })),
  )
  if (templates.length === 0) return
  for (let count = 0; count < PACKETS; count++) {
    const template = templates[count % templates.length]
    const now = count * GAP_MS
    // As the router gives them: the compiler looks at the kind of array.
    if (template !== undefined) network.send(template.host, Buffer.from(template.bytes), now)
    for (;;) {
      const delivery = network.deadline() <= now ? network.poll(now) : undefined
      if (delivery === undefined) break
      // An echo comes back with the TTL of its request.
      if ((delivery.packet[TTL_AT] ?? 0) < MIN_TTL) continue
      reverse(delivery.packet)
      network.send(delivery.host, delivery.packet, now)
    }
  }
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
