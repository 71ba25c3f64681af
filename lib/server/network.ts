// The real listeners of a config: TCP and QUIC with one certificate. What is opened where is decided in listeners.ts.

import type { ServerConfig } from '../config/index.ts'
import { TunnelError } from '../errors.ts'
import type { Listener, ListenerEvents } from '../transport/transport.ts'

/** Rejects with ADDRESS_IN_USE, CONFIG_INVALID or TLS_FAILED. */
export async function openNetwork(
  _config: ServerConfig,
  _events: ListenerEvents,
): Promise<Listener[]> {
  throw new TunnelError('UNSUPPORTED', 'no transport is there yet')
}
