// Asks a server of ours to answer a STUN transaction from where this client sent nothing: over a
// stream of the session, since strangers may not ask for that.

import type { FilterTestReply } from '../../nat/index.ts'
import type { Session } from '../transport/transport.ts'
import { MessageChannel } from '../wire/channel.ts'

/** The server waits a second for the transaction, and a path may have a long round trip. */
const TIMEOUT_MS = 3_000

/**
 * Undefined where the server cannot do it. Rejects with SESSION_CLOSED, TIMED_OUT or
 * PROTOCOL_ERROR.
 */
export async function requestFilterTest(
  session: Session,
  transactionId: string,
): Promise<FilterTestReply | undefined> {
  const channel = new MessageChannel(await session.openStream())
  try {
    channel.send({
      type: 'StunTest',
      transaction_id: transactionId,
      server_ip: session.remoteAddress.ip,
    })
    const answer = await channel.readExpected('StunTestResp', { timeoutMs: TIMEOUT_MS })
    if (answer.error !== '') return undefined
    return { fromOtherPort: answer.from_other_port, fromOtherIp: answer.from_other_ip }
  } finally {
    channel.destroy()
  }
}
