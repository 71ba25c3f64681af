// The portable UDP socket: node:dgram, one datagram a call. Slower (a send costs about 4 us) but
// runs everywhere.

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { plainIp, type Address } from '../address.ts'
import {
  AddressBook,
  SOCKET_BUFFER_BYTES,
  type DatagramHandler,
  type SendResult,
  type UdpSocket,
} from './socket.ts'

/** Datagrams that may wait inside libuv before senders are told to stop. */
const MAX_QUEUED_SENDS = 256

/**
 * Binds a plain UDP socket. Rejects with the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL).
 */
export async function openDgramSocket(bind: Address): Promise<UdpSocket> {
  const isIpv6 = bind.ip.includes(':')
  const socket = createSocket({
    type: isIpv6 ? 'udp6' : 'udp4',
    recvBufferSize: SOCKET_BUFFER_BYTES,
    sendBufferSize: SOCKET_BUFFER_BYTES,
  })
  try {
    const listening = once(socket, 'listening')
    socket.bind({ address: bind.ip, port: bind.port, exclusive: true })
    await listening
  } catch (error) {
    socket.close()
    throw error
  }
  return new DgramSocket(socket, isIpv6)
}

class DgramSocket implements UdpSocket {
  readonly address: Address
  // The kernel fragments what is too long for the path and nothing in node:dgram can forbid it.
  readonly isUnfragmented = false
  readonly maxBurstBytes = 65_507
  readonly maxSegments = 1
  onWritable: (() => void) | undefined
  readonly #socket: Socket
  readonly #isIpv6: boolean
  readonly #addresses = new AddressBook()
  #queued = 0
  #isBlocked = false
  #isClosed = false

  constructor(socket: Socket, isIpv6: boolean) {
    this.#socket = socket
    this.#isIpv6 = isIpv6
    const { address, port } = socket.address()
    this.address = { ip: plainIp(address), port }
    // A send's failure is in its callback; what is left here is an ICMP answer, which QUIC's timers
    // handle.
    socket.on('error', () => {})
  }

  start(handler: DatagramHandler): void {
    let isBatchOpen = false
    this.#socket.on('message', (data, { address, port }) => {
      const from = this.#addresses.lookup(`${address} ${port}`, () => ({
        ip: plainIp(address),
        port,
      }))
      handler.onDatagram(data, from, data.length)
      if (isBatchOpen) return
      isBatchOpen = true
      setImmediate(() => {
        isBatchOpen = false
        if (!this.#isClosed) handler.onBatchEnd()
      })
    })
  }

  send(burst: Buffer, segmentBytes: number, to: Address): SendResult {
    if (this.#isClosed) return 'failed'
    if (this.#queued >= MAX_QUEUED_SENDS) {
      this.#isBlocked = true
      return 'blocked'
    }
    const host = this.#isIpv6 && !to.ip.includes(':') ? `::ffff:${to.ip}` : to.ip
    for (let offset = 0; offset < burst.length; offset += segmentBytes) {
      this.#queued++
      const datagram = Buffer.from(burst.subarray(offset, offset + segmentBytes))
      this.#socket.send(datagram, to.port, host, () => this.#onSent())
    }
    return 'sent'
  }

  #onSent(): void {
    this.#queued--
    if (!this.#isBlocked || this.#queued > MAX_QUEUED_SENDS / 2) return
    this.#isBlocked = false
    this.onWritable?.()
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    this.#isClosed = true
    return new Promise(resolve => {
      this.#socket.close(() => resolve())
    })
  }
}
