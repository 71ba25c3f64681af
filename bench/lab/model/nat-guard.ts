// What a NAT box does about UDP packets that it refuses: it may remember them, and may take their
// sender for an attacker. Sans-IO.

import type { Milliseconds, NatOptions } from './spec.ts'

interface Flood {
  /** Of the second that is counted. */
  since: Milliseconds
  count: number
  blockedUntil: Milliseconds
}

export class NatGuard {
  readonly #options: NatOptions
  /** Until when a remote endpoint takes up an outside one. */
  readonly #taken = new Map<string, Milliseconds>()
  readonly #floods = new Map<number, Flood>()

  constructor(options: NatOptions) {
    this.#options = options
  }

  handleRefused(
    outsidePort: number,
    remote: { readonly ip: number; readonly port: number },
    now: Milliseconds,
  ): void {
    const { remembersRefused, lifeMs, unansweredLifeMs = lifeMs, floodGuard } = this.#options
    if (remembersRefused) {
      this.#taken.set(takenKey(outsidePort, remote), now + unansweredLifeMs)
    }
    if (!floodGuard) return
    const flood = this.#floods.get(remote.ip) ?? { since: now, count: 0, blockedUntil: -Infinity }
    this.#floods.set(remote.ip, flood)
    if (now - flood.since >= 1000) {
      flood.since = now
      flood.count = 0
    }
    if (++flood.count > floodGuard.packetsPerSecond) flood.blockedUntil = now + floodGuard.blockMs
  }

  isTaken(
    outsidePort: number,
    remote: { readonly ip: number; readonly port: number },
    now: Milliseconds,
  ): boolean {
    return (this.#taken.get(takenKey(outsidePort, remote)) ?? -Infinity) > now
  }

  isBlocked(remoteIp: number, now: Milliseconds): boolean {
    return (this.#floods.get(remoteIp)?.blockedUntil ?? -Infinity) > now
  }
}

function takenKey(outsidePort: number, { ip, port }: { ip: number; port: number }): string {
  return `${outsidePort} ${ip} ${port}`
}
