// The client's half of the bench proxy: one bench over a session that has logged in, and its
// streams, each an end of a service of the server. Who may have one is decided by the server.

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { openFlowLink, type FlowLink } from '../datagram/index.ts'
import { TunnelError } from '../errors.ts'
import type { Session } from '../transport/transport.ts'
import { MessageChannel } from '../wire/channel.ts'
import { encodeMessage } from '../wire/codec.ts'

/** `source` sends without end, `sink` says what it has (20 ms), `echo` sends back. */
export type BenchService = 'source' | 'sink' | 'echo'

export interface Bench {
  /** What the server grants: after so many seconds it ends the bench. */
  readonly seconds: number
  /** Streams at once, flow links included. */
  readonly streams: number
  /** Resolves with the reason when the bench is over. Never rejects. */
  readonly closed: Promise<string>
  /**
   * Rejects with SESSION_CLOSED or LIMIT_EXCEEDED. The taker destroys the stream; its first bytes may
   * be written at once.
   */
  openStream(service: BenchService): Promise<Duplex>
  /**
   * A link whose flows are sent back, datagram by datagram, as a udp proxy would carry them. Rejects
   * as openFlowLink.
   */
  openFlows(): Promise<FlowLink>
  /** Ends the bench with all its streams. Safe to call twice. */
  close(): void
}

export interface OpenBenchOptions {
  readonly session: Session
  readonly clock: Clock
  /** What both sides named at the login. */
  readonly features: readonly string[]
  /** Longest life that is wanted; the server may grant less. */
  readonly seconds: number
}

/** The server answers at once; a bench that waits longer would measure nothing good. */
const ANSWER_TIMEOUT_MS = 10_000

/** Rejects with UNSUPPORTED, whose detail says what to set, LIMIT_EXCEEDED or SESSION_CLOSED. */
export async function openBench(options: OpenBenchOptions): Promise<Bench> {
  const { session, clock, features, seconds } = options
  if (!features.includes('bench')) throw new TunnelError('UNSUPPORTED', whyNot(features))
  const channel = new MessageChannel(await session.openStream(), { clock })
  channel.send({ type: 'NewBench', seconds: Math.ceil(seconds) })
  const granted = await channel
    .readExpected('NewBenchResp', { timeoutMs: ANSWER_TIMEOUT_MS })
    .catch((error: unknown) => {
      channel.destroy()
      throw error
    })
  if (granted.error !== '') {
    channel.close()
    // Whatever it says goes to a terminal.
    const reason = granted.error.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 256)
    throw new TunnelError('LIMIT_EXCEEDED', `the server refuses a bench: ${reason}`)
  }
  channel.onMessage(() => channel.destroy()) // nothing more is to come but the end
  const openStream = async (service: BenchService | 'datagrams'): Promise<Duplex> => {
    const stream = await session.openStream()
    stream.write(encodeMessage({ type: 'StartBench', service }))
    return stream
  }
  return {
    seconds: granted.seconds,
    streams: granted.streams,
    closed: channel.closed.then(({ detail }) => detail),
    openStream,
    openFlows: async () => {
      const stream = await openStream('datagrams')
      return openFlowLink({ stream, clock, ...(features.includes('datagrams') && { session }) })
    },
    close: () => channel.close('the bench is over'),
  }
}

function whyNot(features: readonly string[]): string {
  if (features.length === 0) {
    return 'the server is not quicfrp: a bench needs its frps, with allowBench = true'
  }
  if (!features.includes('server-streams')) {
    return 'a bench needs many streams in one session: set transport.tcpMux = true at both ends'
  }
  return 'the server forbids benches: set allowBench = true in its config and start it again'
}
