// Path probes of one socket: what size of datagrams passes to a server and back, and how far it is;
// and the echoes of those that others send to us. The format and the steps are in mtu-probe.ts.

import { randomBytes } from 'node:crypto'
import { isLoopback, type Address } from '../address.ts'
import type { UdpSocket } from '../udp/socket.ts'
import { NEAR_LOOPBACK_RTT_MS, NEAR_RTT_MS } from './config.ts'
import {
  DEFAULT_DATAGRAM_BYTES,
  MtuProbe,
  readProbe,
  writeProbe,
  type ProbeResult,
} from './mtu-probe.ts'
import type { PathFacts } from './packet.ts'
import { Budget } from './strangers.ts'

export interface PathProbesOptions {
  readonly socket: UdpSocket
  /** What is sent in any case; 0 where it is to be found out. */
  readonly datagramBytes: number
  /** Strangers are answered. */
  readonly answers: boolean
}

/** Echoes for strangers. */
const ECHO_BYTES_PER_SECOND = 8 << 20

export class PathProbes {
  readonly #options: PathProbesOptions
  readonly #echoes = new Budget(ECHO_BYTES_PER_SECOND, performance.now())
  readonly #asked = new Map<bigint, (datagram: Buffer) => void>()
  #isClosed = false

  constructor(options: PathProbesOptions) {
    this.#options = options
  }

  /** Whether the datagram is a probe, or the echo of one. */
  handleDatagram(data: Buffer, from: Address): boolean {
    const probe = readProbe(data)
    if (!probe) return false
    const { socket, answers } = this.#options
    if (probe.kind === 'echo') {
      this.#asked.get(probe.nonce)?.(data)
    } else if (answers && this.#echoes.take(data.length, performance.now())) {
      const echo = writeProbe({ ...probe, kind: 'echo' })
      socket.send(echo, echo.length, from)
    }
    return true
  }

  /** Takes one round trip where the server is ours, 250 ms where not. */
  async probe(to: Address): Promise<PathFacts> {
    const { datagramBytes, rttMs } = await this.#probe(to)
    const limitMs = isLoopback(to.ip) ? NEAR_LOOPBACK_RTT_MS : NEAR_RTT_MS
    return { datagramBytes, isNear: rttMs === undefined ? isLoopback(to.ip) : rttMs <= limitMs }
  }

  /** The largest up to `limit` that passes and comes back; undefined when nothing came back. */
  async measure(to: Address, limit: number): Promise<number | undefined> {
    const { datagramBytes, rttMs } = await this.#ask(to, limit)
    return rttMs === undefined ? undefined : datagramBytes
  }

  /** What is still asked for ends with the least size. */
  close(): void {
    this.#isClosed = true
  }

  #probe(to: Address): Promise<ProbeResult> {
    const { socket, datagramBytes } = this.#options
    if (datagramBytes > 0) return Promise.resolve({ datagramBytes })
    const limit = socket.isUnfragmented || isLoopback(to.ip) ? 65_507 : DEFAULT_DATAGRAM_BYTES
    return this.#ask(to, limit)
  }

  #ask(to: Address, limit: number): Promise<ProbeResult> {
    const { socket } = this.#options
    const nonce = randomBytes(8).readBigUInt64BE()
    const probe = new MtuProbe(nonce, performance.now(), limit)
    return new Promise(resolve => {
      let timer: NodeJS.Timeout | undefined
      const step = (): void => {
        clearTimeout(timer)
        const now = performance.now()
        const result = this.#isClosed
          ? { datagramBytes: DEFAULT_DATAGRAM_BYTES }
          : probe.result(now)
        if (result) {
          this.#asked.delete(nonce)
          resolve(result)
          return
        }
        timer = setTimeout(step, Math.max(1, probe.deadline() - now))
      }
      this.#asked.set(nonce, datagram => {
        const echo = readProbe(datagram)
        if (echo) probe.handle(echo, performance.now())
        step()
      })
      for (let datagram = probe.poll(); datagram; datagram = probe.poll()) {
        socket.send(datagram, datagram.length, to)
      }
      step()
    })
  }
}
