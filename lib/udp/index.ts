// The face of the folder: opens the best UDP socket that this machine has.

import type { Address } from '../address.ts'
import { openBatchSocket } from './batch.ts'
import { openDgramSocket } from './dgram.ts'
import { loadLibc } from './libc.ts'
import type { UdpSocket, UdpSocketOptions } from './socket.ts'

export {
  type ConnectedSocket,
  openConnectedSocket,
  prepareConnectedSockets,
} from './connected.ts'
/** A socket of node:dgram: cheap to open by the hundred, slow under load. Rejects as the above. */
export { openDgramSocket as openPlainSocket } from './dgram.ts'
export type { DatagramHandler, SendResult, UdpSocket, UdpSocketOptions } from './socket.ts'

/**
 * Opens a UDP socket on `bind` (port 0: any; ip `::` serves IPv4 too). Rejects with the system's
 * error (`code` EADDRINUSE, EACCES, EADDRNOTAVAIL, EAFNOSUPPORT).
 */
export function openUdpSocket(bind: Address, options: UdpSocketOptions = {}): Promise<UdpSocket> {
  const libc = loadLibc()
  return libc ? openBatchSocket(bind, libc, options) : openDgramSocket(bind)
}
