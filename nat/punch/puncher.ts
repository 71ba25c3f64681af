// Opens a direct path to a peer. Sans-IO.

import type { Address } from '../../lib/address.ts'
import type { Probe } from '../probe.ts'
import type { Offer } from '../types.ts'
import type { PunchEvent, PunchOptions, PunchSend, RemoteOffer } from './types.ts'

/**
 * One round of punching. Tell it what happens (`handle…`), then take `poll` and `pollEvent` until
 * both give undefined, then wait until `deadline()`. Keep it until the next round begins: it
 * answers the peer's probes, also after it found a path or gave up.
 */
export class Puncher {
  constructor(options: PunchOptions, now: number) {
    void options
    void now
  }

  /** The peer's offer; again when it has more candidates or newer samples. Starts the round. */
  handleRemote(remote: RemoteOffer, now: number): void {
    void remote
    void now
  }

  /** Our own offer has changed, e.g. after `resample`. */
  handleLocal(local: Offer, now: number): void {
    void local
    void now
  }

  /** True: it was a probe of this session, and nothing else shall look at it. */
  handleDatagram(socket: number, data: Uint8Array, from: Address, now: number): boolean {
    void socket
    void data
    void from
    void now
    return false
  }

  /** The same after `ProbeSession.receive`. True: this round knows what to do with it. */
  handleProbe(socket: number, probe: Probe, from: Address, now: number): boolean {
    void socket
    void probe
    void from
    void now
    return false
  }

  /** Answers `open-sockets`; fewer than asked for are fine, none too. */
  handleSockets(numbers: readonly number[], now: number): void {
    void numbers
    void now
  }

  /** Answers `ask-token`. */
  handleToken(granted: boolean, now: number): void {
    void granted
    void now
  }

  poll(now: number): PunchSend | undefined {
    void now
    return undefined
  }

  pollEvent(): PunchEvent | undefined {
    return undefined
  }

  /** Infinity: nothing is due. */
  deadline(): number {
    return Infinity
  }
}
