// The owner's door for visitors of a secret proxy: who frps has introduced is let in when he knows
// the secret. One of ours comes end to end; a real one with frp's key, on his leg's own layers.

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { ownerStream, type OwnerSecret } from '../e2e/index.ts'
import { TunnelError } from '../errors.ts'
import { layerStream } from '../stream/layers.ts'
import { deriveKey } from '../wire/cipher.ts'
import { encodeMessage } from '../wire/codec.ts'
import type { VisitorIntroduction } from '../wire/messages.ts'

/** How long a refused visitor may take to read why. */
const READ_ANSWER_MS = 1_000

export interface GuestOptions {
  readonly secret: OwnerSecret
  readonly clock: Clock
  /** Nobody but peers of ours is let in. */
  readonly requireEndToEnd: boolean
}

/**
 * The plain bytes of a visitor who speaks end to end. Owns `stream`. Rejects with AUTH_FAILED,
 * PROTOCOL_ERROR, STREAM_RESET or TIMED_OUT; the visitor is told by then.
 */
export function admitOwn(
  stream: Duplex,
  introduction: VisitorIntroduction,
  { secret, clock }: GuestOptions,
): Promise<Duplex> {
  return ownerStream(stream, secret.guest(introduction, clock.now()), clock)
}

/**
 * The plain bytes of a real visitor; `leg` has the layers of our leg already. Owns it. Throws
 * AUTH_FAILED; the visitor is told by then.
 */
export function admitReal(
  leg: Duplex,
  introduction: VisitorIntroduction,
  { secret, clock, requireEndToEnd }: GuestOptions,
): Duplex {
  const { name } = secret
  const isKnown = !requireEndToEnd && secret.isSignKey(introduction)
  if (!isKnown) {
    const error = requireEndToEnd
      ? `visitor connection of [${name}] is not end to end, and requireEndToEnd is set`
      : `visitor connection of [${name}] auth failed`
    const cancel = clock.after(READ_ANSWER_MS, () => leg.destroy())
    leg.once('close', cancel)
    leg.on('error', ignore)
    leg.end(encodeMessage({ type: 'NewVisitorConnResp', proxy_name: name, error }))
    leg.resume()
    throw new TunnelError('AUTH_FAILED', requireEndToEnd ? 'not end to end' : 'auth failed')
  }
  leg.write(encodeMessage({ type: 'NewVisitorConnResp', proxy_name: name }))
  const { use_encryption, use_compression: compression } = introduction
  const encryptionKey = use_encryption ? deriveKey(secret.revealed) : undefined
  return layerStream(leg, { encryptionKey, compression })
}

function ignore(): void {}
