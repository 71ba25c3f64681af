// Datagram sockets as bare descriptors.

import type { Libc } from './libc.ts'

const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0x800
const SOCK_CLOEXEC = 0x80000
const SOL_SOCKET = 1
/** Each with the one that passes the kernel's cap (net.core.rmem_max, wmem_max) and needs root. */
const BUFFER_OPTIONS = {
  send: { plain: 7, forced: 32 },
  receive: { plain: 8, forced: 33 },
} as const

/** Throws the system's error. */
export function openDatagramDescriptor(libc: Libc, family: number): number {
  const fd = libc.socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
  if (fd < 0) throw systemError('socket', libc.lastError())
  return fd
}

/** The kernel may give less. */
export function askForBuffer(
  libc: Libc,
  fd: number,
  { direction, bytes }: { readonly direction: 'send' | 'receive'; readonly bytes: number },
): void {
  const value = Buffer.alloc(4)
  value.writeInt32LE(bytes)
  const { plain, forced } = BUFFER_OPTIONS[direction]
  if (libc.setsockopt(fd, SOL_SOCKET, forced, value, 4) !== 0) {
    libc.setsockopt(fd, SOL_SOCKET, plain, value, 4)
  }
}

/** As Node's own: `code` is the system's name for it. */
export function systemError(call: string, code: string): Error {
  return Object.assign(new Error(`${call}: ${code}`), { code })
}
