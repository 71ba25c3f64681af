// Carries packets through a network like that of the lab before it opens: the first packets of a
// measurement shall not wait while the model is compiled (1.5 ms) and the first garbage collections
// get their memory (6 ms). Sans-IO.

import { udpPacket } from './model/build.ts'
import { keyOf } from './model/ip.ts'
import { Network } from './model/network.ts'
import { seededRandom } from './model/random.ts'
import type { NetworkSpec } from './model/spec.ts'

/** Then the optimizing compiler has seen what is worth it; some 20 ms. */
const PACKETS = 8000
/** Arrays of 800 bytes; three times the young generation, so that each half has been used. */
const GARBAGE_ARRAYS = 30_000
const GARBAGE_LENGTH = 100
/** Time of the model between two packets. */
const GAP_MS = 1
const PORT = 9
const PAYLOAD_BYTES = 64

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
      .filter(to => to !== from)
      .map(to => ({
        host: from.name,
        bytes: udpPacket({
          source: keyOf(from.ip),
          sourcePort: PORT,
          destination: keyOf(to.ip),
          destinationPort: PORT,
          payload: new Uint8Array(PAYLOAD_BYTES),
        }),
      })),
  )
  if (templates.length === 0) return
  for (let count = 0; count < PACKETS; count++) {
    const template = templates[count % templates.length]
    const now = count * GAP_MS
    if (template !== undefined) network.send(template.host, template.bytes.slice(), now)
    if (network.deadline() > now) continue
    while (network.poll(now) !== undefined) continue
  }
}
