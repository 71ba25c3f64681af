// One attempt to get a session and to log in on it, cut off at any moment by a signal.

import { TunnelError } from '../errors.ts'
import type { Dialer, Session } from '../transport/transport.ts'

/** A way to the server. Which protocol it ends up with shows in the session. */
export type Way = Pick<Dialer, 'dial' | 'close'>

/**
 * Dials, then gives the session to `logIn`, which owns it once it has resolved. When the signal
 * fires the attempt rejects at once with ABORTED, whatever the dialer does, and a session that
 * comes later is closed.
 */
export async function attempt<T>(
  way: Way,
  logIn: (session: Session) => Promise<T>,
  { signal }: { readonly signal: AbortSignal },
): Promise<T> {
  const session = await dial(way, signal)
  const onAbort = (): void => void session.close('the attempt was cut off')
  signal.addEventListener('abort', onAbort)
  try {
    const result = await logIn(session)
    if (!signal.aborted) return result
    throw aborted()
  } catch (error) {
    void session.close('the login failed')
    throw signal.aborted ? aborted() : error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function dial(way: Way, signal: AbortSignal): Promise<Session> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(aborted())
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort)
    way.dial({ signal }).then(
      session => {
        signal.removeEventListener('abort', onAbort)
        if (signal.aborted) void session.close('it came too late')
        else resolve(session)
      },
      (error: unknown) => {
        signal.removeEventListener('abort', onAbort)
        reject(error)
      },
    )
  })
}

function aborted(): TunnelError {
  return new TunnelError('ABORTED', 'the attempt was cut off')
}
