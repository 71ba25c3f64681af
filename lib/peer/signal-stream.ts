// The first stream of a peer connection: hellos, which bind the TLS session to the secret, then
// signals both ways for as long as the connection lives.

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import { isProofOf, proofOf } from './keys.ts'
import type { Peer } from './peer.ts'
import { encodeSignal, SignalReader, type Signal } from './signals.ts'

/** What the signals are about. */
export type SignalPeer = Pick<
  Peer,
  'role' | 'keys' | 'mayRelay' | 'onSignal' | 'begin' | 'handleHello' | 'handleSignal' | 'close'
>

export interface SignalStreamOptions {
  readonly peer: SignalPeer
  /** DER of the owner's certificate, as this side knows it. */
  readonly certificate: Uint8Array
  readonly clock: Clock
}

/** Signals that wait for a slow peer, bytes; more ends the connection. */
const MAX_WAITING = 64 << 10

/**
 * Owns `stream`, and ends the peer when it breaks. Resolves when the other side has proven that it
 * knows the secret; its signals are heard from then on. Rejects with AUTH_FAILED or SESSION_CLOSED.
 */
export function openSignals(
  stream: Duplex,
  { peer, certificate, clock }: SignalStreamOptions,
): Promise<void> {
  const { role, keys } = peer
  const other = role === 'visitor' ? 'owner' : 'visitor'
  const reader = new SignalReader()
  const send = (signal: Signal): void => {
    if (stream.destroyed) return
    if (stream.writableLength > MAX_WAITING) stream.destroy()
    else stream.write(encodeSignal(signal, clock.now()))
  }
  return new Promise((resolve, reject) => {
    let isProven = false
    const fail = (error: TunnelError): void => {
      reject(error)
      stream.destroy()
      peer.close(error.detail)
    }
    const handle = (signal: Signal): void => {
      if (signal.type !== 'hello') {
        if (isProven) peer.handleSignal(signal)
        return
      }
      const proof = Buffer.from(signal.proof, 'base64')
      if (!isProofOf(keys, other, { certificate, proof })) {
        fail(new TunnelError('AUTH_FAILED', 'the peer has not proven that it knows secretKey'))
        return
      }
      isProven = true
      peer.onSignal = send
      peer.handleHello(signal.relay)
      resolve()
    }
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const signal of reader.read(chunk, clock.now())) handle(signal)
      } catch (error) {
        fail(new TunnelError('PROTOCOL_ERROR', errorDetail(error)))
      }
    })
    // Whoever read the head of the stream has paused it.
    stream.resume()
    const onOver = (): void => {
      fail(new TunnelError('SESSION_CLOSED', 'the other side has ended the peer connection'))
    }
    stream.on('error', onOver)
    stream.on('end', onOver)
    stream.on('close', onOver)
    const proof = proofOf(keys, role, certificate).toString('base64')
    send({ type: 'hello', proof, relay: peer.mayRelay })
    // Only the owner could read the relay that the handshake went through: his hello is not waited
    // for, and punching begins a round trip over frps earlier.
    if (role === 'visitor') {
      peer.onSignal = send
      peer.begin()
    }
  })
}
