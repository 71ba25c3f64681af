// A client that is there for nothing but a bench over its server: logs in with the user's config,
// publishes nothing, and opens the local doors of the bench (lib/bench).

import { openDoors, type BenchDoors } from '../bench/index.ts'
import { TunnelError } from '../errors.ts'
import { createClient, type ClientOptions, type ClientSetup } from './client.ts'

export interface BenchDoorsOptions extends ClientOptions {
  /** Instead of that of the config. */
  readonly protocol?: 'quic' | 'tcp'
  /** Longest life of the bench. Default 600, which is the most that a server grants. */
  readonly seconds?: number
}

/**
 * Resolves when the doors are open. Rejects as Client.start, and with UNSUPPORTED (the server is no
 * quicfrp or forbids benches: `detail` says what to set) or LIMIT_EXCEEDED. Closing the doors ends
 * the client.
 */
export async function openBenchDoors(
  { config }: Pick<ClientSetup, 'config'>,
  { protocol, seconds = 600, ...options }: BenchDoorsOptions = {},
): Promise<BenchDoors> {
  const transport = { ...config.transport, ...(protocol && { protocol }) }
  // A client id would be taken by the client that runs beside the bench.
  const own = { ...config, transport, clientID: '', loginFailExit: true }
  const client = createClient({ config: own, proxies: [], visitors: [] }, options)
  try {
    await client.start()
    if (!transport.tcpMux) {
      const detail = 'a bench needs many streams in one session: set transport.tcpMux = true'
      throw new TunnelError('UNSUPPORTED', detail)
    }
    const bench = await client.openBench({ seconds })
    const doors = await openDoors(bench)
    // Nobody dials again: figures from two sessions would be none.
    void bench.closed.then(() => doors.close())
    return {
      ports: doors.ports,
      close: async () => {
        await doors.close()
        bench.close()
        await client.close({ graceMs: 0 })
      },
    }
  } catch (error) {
    await client.close({ graceMs: 0 })
    throw error
  }
}
