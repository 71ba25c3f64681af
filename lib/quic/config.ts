// Builds quiche's configuration from ours. Every number that shapes throughput or memory stands
// here with its reason.

import type { Quiche } from './binding.ts'
import {
  DATAGRAM_RECEIVE_QUEUE,
  DATAGRAM_SEND_QUEUE,
  NEAR_DATAGRAM_SEND_QUEUE,
} from './datagrams.ts'
import type { PathFacts } from './packet.ts'
import type { Config } from './quiche-types.ts'

/**
 * frp's application protocol (frp-wire.md section 1.5), and ours, by which two of ours know each
 * other.
 */
export const ALPN_FRP = 'frp'
export const ALPN_OURS = 'quicfrp'

export interface TlsOptions {
  /** PEM. The server must have both; a client may. */
  readonly key?: string | Buffer | undefined
  readonly cert?: string | Buffer | undefined
  /** PEM. With it the other side must show a certificate that chains to it. */
  readonly ca?: string | Buffer | undefined
}

export interface QuicOptions extends TlsOptions {
  /** PING after this much silence, frp's transport.quic.keepalivePeriod. Default there: 10_000. */
  readonly keepaliveMs: number
  /**
   * A connection silent for this long is over, frp's transport.quic.maxIdleTimeout. Default there:
   * 30_000.
   */
  readonly idleTimeoutMs: number
  /**
   * Streams the other side may have open, frp's transport.quic.maxIncomingStreams. Default there:
   * 100_000.
   */
  readonly maxStreams: number
  /** Fixed UDP payload size in bytes, 1200..65507; 0 probes the path. */
  readonly datagramBytes: number
  /**
   * A client pings after so much silence, to notice a killed server. Default LIVENESS_MS of
   * connection-timer.ts; Infinity leaves it to keepaliveMs.
   */
  readonly livenessMs?: number
  /**
   * Connections begin with datagrams of this size, and `resize` says when the path takes more, up
   * to `datagramBytes`. Default: `datagramBytes` from the start.
   */
  readonly startDatagramBytes?: number
}

const MIB = 1 << 20

/**
 * Receive windows. A stream starts with 32 KiB and doubles up to 16 MiB while its reader keeps up
 * (1 Gbit/s at 128 ms), so one stalled reader costs at most 16 MiB, and one that never reads next
 * to nothing. quiche 0.18 lets every stream's window begin with 32 KiB, whatever credit it gave at
 * first: with 1 MiB of that a transfer stood still where it was used up, and a few round trips were
 * lost. 120 ms round trip: 3 MB took 1.64 s instead of 1.07 (300 kB 0.43 instead of 0.52); with 2 %
 * loss 37 Mbit/s instead of 72, because bbr begins anew after a loss while little is under way.
 * The connection starts with 64 MiB: quic-go's 15 MiB against 6 MiB a stream stalls everything at
 * three readers that do not read.
 */
const STREAM_WINDOW = 32 << 10
const MAX_STREAM_WINDOW = 16 * MIB
const CONNECTION_WINDOW = 64 * MIB
const MAX_CONNECTION_WINDOW = 256 * MIB
/**
 * Of the one unidirectional stream. Its notices are read at once, so that this costs no memory; the
 * large number makes it a gauge of what quiche's congestion window has left (send-gate.ts).
 */
const END_NOTICE_WINDOW = 1 << 30

/**
 * We hold a pure ACK for 1-2 ms (see connection.ts); 5 ms leaves the peer's loss timers room for a
 * busy event loop.
 */
const MAX_ACK_DELAY_MS = 5

/** Ids the other side may give us: one in use, the rest for new paths (RFC 9000 section 5.1.1). */
const CID_LIMIT = 4

/**
 * A path with a shorter round trip is near: loopback, a wired LAN. There the programs are the
 * bottleneck, and the waiting of their event loops is larger than any queue's: a controller that
 * goes by delay only gets in the way (loopback, bbr: half of cubic's rate).
 */
export const NEAR_RTT_MS = 2
/** On loopback itself an answer that took longer tells of a busy machine, up to here. */
export const NEAR_LOOPBACK_RTT_MS = 10

/** The configuration for one kind of path. */
export function buildConfig(quiche: Quiche, options: QuicOptions, facts: PathFacts): Config {
  const { datagramBytes, isNear } = facts
  const pem = (text: string | Buffer | undefined): Uint8Array | null =>
    text === undefined ? null : Buffer.from(text)
  const key = pem(options.key)
  const cert = pem(options.cert)
  const ca = pem(options.ca)
  const config = quiche.Config.withBoringSslCtx(
    ca !== null,
    false,
    ca,
    key && [key],
    cert && [cert],
    null,
  )
  config.setApplicationProtos([ALPN_OURS, ALPN_FRP])
  config.setMaxIdleTimeout(options.idleTimeoutMs)
  config.setMaxRecvUdpPayloadSize(65_527)
  config.setMaxSendUdpPayloadSize(datagramBytes)
  config.setInitialMaxData(CONNECTION_WINDOW)
  config.setInitialMaxStreamDataBidiLocal(STREAM_WINDOW)
  config.setInitialMaxStreamDataBidiRemote(STREAM_WINDOW)
  config.setInitialMaxStreamsBidi(options.maxStreams)
  // One for notice-channel.ts; nobody else opens any.
  config.setInitialMaxStreamsUni(1)
  config.setInitialMaxStreamDataUni(END_NOTICE_WINDOW)
  config.setMaxStreamWindow(MAX_STREAM_WINDOW)
  config.setMaxConnectionWindow(MAX_CONNECTION_WINDOW)
  config.setMaxAckDelay(MAX_ACK_DELAY_MS)
  config.setActiveConnectionIdLimit(CID_LIMIT)
  config.setDisableActiveMigration(false)
  const sendQueue = isNear ? NEAR_DATAGRAM_SEND_QUEUE : DATAGRAM_SEND_QUEUE
  config.enableDgram(true, DATAGRAM_RECEIVE_QUEUE, sendQueue)
  if (isNear) {
    config.setCcAlgorithmName('cubic')
    config.enableHystart(true)
    // Not for pacing: quiche only names instants, which the binding hides, and sends when asked.
    // But with pacing off quiche 0.18 stamps packets with the time of an older one, the older the
    // smaller cubic's window and the larger the round-trip time: after a few losses the estimate
    // grows with the age of the connection (2.6 s after 3 s of 5 % loss on loopback, 1,000 answers
    // of 3 kB; with it on 2 ms and 16,000).
    config.enablePacing(true)
  } else {
    // Survives random loss; delay-window.ts keeps it from filling the queue.
    config.setCcAlgorithmName('bbr')
    // With it on, quiche stamps packets with the instants that bbr would like, and takes what we
    // send earlier for a shorter round trip (23 ms on a path of 50), which starves bbr. Off, stamps
    // are late by up to bbr's quantum: 1 ms of its rate.
    config.enablePacing(false)
  }
  config.grease(false)
  return config
}
