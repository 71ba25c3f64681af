// Who may visit a secret proxy, and who checks the key. Sans-IO. Order and texts are frp's
// (frp-wire.md section 6.6, frp-surface.md section 4.3).
//
// A proxy of a real frpc brings its secret: we check the visitor's key. One of ours brings a prekey
// instead and checks the visitors itself, since we do not know its secret.

import type { SecretSpec } from '../proxy/host.ts'
import { isAuthKey } from '../wire/auth.ts'
import type { NewVisitorConn, VisitorAnswer, VisitorIntroduction } from '../wire/messages.ts'

export interface Visited extends SecretSpec {
  /** With the user prefix. */
  readonly name: string
  /** Of the client that has the proxy. */
  readonly owner: string
}

export interface Visit {
  readonly message: NewVisitorConn
  /** Of the client that the visitor belongs to. */
  readonly user: string
  /** That client is one of ours and can speak end to end. */
  readonly isOwn: boolean
  /** The number that was given to this visitor before; a real one gets none. */
  readonly challenge: number | undefined
}

export type Verdict =
  /** For the visitor; the text in detail. */
  | { readonly type: 'refuse'; readonly reason: string }
  /** Send the number; the visitor makes his key with it and asks again. */
  | { readonly type: 'challenge' }
  /** The key is right. The visitor's leg has the secret as its key, the owner's the token. */
  | { readonly type: 'checked'; readonly sk: string }
  /** The owner checks; what it writes on the work stream goes to the visitor as it is. */
  | { readonly type: 'owner-checks'; readonly introduction: VisitorIntroduction }
  /** The visitor comes again with this prekey; the owner hears nothing of him until then. */
  | { readonly type: 'other-prekey'; readonly answer: VisitorAnswer }
  /** The owner checks; the visitor is told the prekey and speaks with him end to end. */
  | {
      readonly type: 'end-to-end'
      readonly introduction: VisitorIntroduction
      readonly answer: VisitorAnswer
    }

/** What is to be done with a visitor. `door` is undefined when there is no such proxy. */
export function admit(door: Visited | undefined, visit: Visit): Verdict {
  const { message, user, isOwn, challenge } = visit
  const { proxy_name: name, quicfrp: offer } = message
  if (door === undefined) return refuse(`custom listener for [${name}] doesn't exist`)
  const isChecker = door.prekey === ''
  const isAsking = isChecker && isOwn && challenge === undefined
  if (isChecker && !isAsking && !isKeyRight(door.sk, message, challenge)) {
    return refuse(`visitor connection of [${name}] auth failed`)
  }
  if (!isAllowed(door, user)) {
    return refuse(`visitor connection of [${name}] user [${user}] not allowed`)
  }
  if (isAsking) return { type: 'challenge' }
  if (isChecker) return { type: 'checked', sk: door.sk }
  const { use_encryption, use_compression, sign_key, timestamp } = message
  if (offer === undefined || offer.ephemeral === '') {
    const key = { sign_key, timestamp, use_encryption, use_compression }
    return { type: 'owner-checks', introduction: { ...NO_OFFER, ...key } }
  }
  const { prekey } = door
  const answer = { prekey, challenge: 0, use_compression: door.useCompression }
  if (offer.early && offer.prekey !== prekey) return { type: 'other-prekey', answer }
  // A proof that was made with an older prekey says nothing; his first record will.
  const proof = offer.prekey === prekey ? offer.proof : ''
  const { ephemeral } = offer
  return {
    type: 'end-to-end',
    introduction: { ...NO_KEY, ephemeral, prekey, proof, use_compression },
    answer,
  }
}

const NO_OFFER = { ephemeral: '', prekey: '', proof: '' }
const NO_KEY = { sign_key: '', timestamp: 0, use_encryption: false }

/** A visitor of ours must use the number that he was given: a key that was heard is of no use. */
function isKeyRight(sk: string, message: NewVisitorConn, challenge: number | undefined): boolean {
  if (challenge !== undefined && message.timestamp !== challenge) return false
  return isAuthKey(sk, message.timestamp, message.sign_key)
}

/** An empty list means the owner's own user, `*` everybody. */
function isAllowed({ allowUsers, owner }: Visited, user: string): boolean {
  const allowed = allowUsers.length === 0 ? [owner] : allowUsers
  return allowed.includes(user) || allowed.includes('*')
}

function refuse(reason: string): Verdict {
  return { type: 'refuse', reason }
}
