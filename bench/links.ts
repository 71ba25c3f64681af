// The emulated link of a bench. Its text (--emulate) is read by link-text.ts.

import type { LinkOptions } from './lab/index.ts'

/** The tunnel's link as the machine of frpc sees it, and the leg from the user to frps. */
export interface LinkPair {
  /** From frpc to frps. */
  readonly up: LinkOptions
  /** From frps to frpc. */
  readonly down: LinkOptions
  /** Round trip of the user's leg, in milliseconds: no loss, no rate. */
  readonly userRoundTripMs: number
}
