// How peers are told that they get nothing: the answer goes out before the stream and, for a
// stranger, the session end.

import { formatAddress } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { Session, Stream } from '../transport/transport.ts'
import { VERSION } from '../version.ts'
import type { MessageChannel } from '../wire/channel.ts'
import { encodeMessage } from '../wire/codec.ts'
import type { ServerContext } from './context.ts'
import { errorForClient } from './login.ts'

/** How long a refused peer may take to read why. Real frp closes by itself when it has. */
const READ_ANSWER_MS = 1000

/**
 * Answers a Login with an error and ends its session. `reason` in detail; what the client reads is
 * chosen here.
 */
export function refuseLogin(
  { context, session, channel }: {
    readonly context: ServerContext
    readonly session: Session
    readonly channel: MessageChannel
  },
  reason: string,
): void {
  const { config, clock, log, emit } = context
  const address = session.remoteAddress
  const own = log.child({ source: 'server/service' })
  own.warn(`register control error: ${reason}`, { from: formatAddress(address) })
  const error = errorForClient('register control error', reason, config)
  channel.send({ type: 'LoginResp', version: VERSION, error })
  channel.close('login refused', READ_ANSWER_MS)
  clock.after(READ_ANSWER_MS, () => void session.close('login refused'))
  emit('loginRefused', { address, reason })
}

/** Answers a NewWorkConn with an error and ends the stream. `error` is what the client reads. */
export function refuseWorkStream(stream: Stream, error: string, clock: Clock): void {
  const cancel = clock.after(READ_ANSWER_MS, () => stream.destroy())
  stream.once('close', cancel)
  stream.on('error', ignore)
  stream.end(encodeMessage({ type: 'StartWorkConn', error: error.slice(0, 1024) }))
  // Read to its end, or it never closes.
  stream.resume()
}

/**
 * A text from a peer as it may stand in our log: no line breaks, no terminal escapes, not endless.
 */
export function inLog(text: string): string {
  return JSON.stringify(text.slice(0, 256)).slice(1, -1)
}

function ignore(): void {}
