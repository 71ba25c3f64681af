// The emulated link of the lab: its options, and in links/*.ts the text of --emulate.

/** One direction. Bounds and meaning: bench/lab/model/link.ts, which takes this object. */
export interface LinkOptions {
  readonly delayMs?: number
  readonly jitterMs?: number
  /** Probability for each packet, 0..1. */
  readonly loss?: number
  /** Gilbert-Elliott: probabilities to enter and to leave the bad state, and of loss in it. */
  readonly burst?: { readonly enter: number; readonly leave: number; readonly loss: number }
  readonly reorder?: { readonly probability: number; readonly delayMs: number }
  readonly duplicate?: number
  readonly rateBitsPerSecond?: number
  readonly queueBytes?: number
  readonly mtu?: number
  readonly isDown?: boolean
}

/** The tunnel's link as the machine of frpc sees it, and the leg from the user to frps. */
export interface LinkPair {
  /** From frpc to frps. */
  readonly up: LinkOptions
  /** From frps to frpc. */
  readonly down: LinkOptions
  /** Round trip of the user's leg, in milliseconds: no loss, no rate. */
  readonly userRoundTripMs: number
}
