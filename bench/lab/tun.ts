// A TUN device inside a network namespace: what a program there sends comes out of read(), what is
// written goes in. A device belongs to the namespace in which /dev/net/tun was opened, and a
// namespace is a property of the thread, hence the moments in which the router's thread is
// elsewhere. Layouts: linux/if_tun.h, linux/if.h.

import type { Syscalls } from './syscalls.ts'

/** The name of a host's only device, the same in every namespace. */
export const DEVICE = 'lab0'

const O_RDWR = 0o2
const O_NONBLOCK = 0o4000
const O_CLOEXEC = 0o2000000
const CLONE_NEWNET = 0x40000000
const TUNSETIFF = 0x400454ca
const IFF_TUN = 0x0001
/** No four bytes before each packet. */
const IFF_NO_PI = 0x1000
/** The device must be new. */
const IFF_TUN_EXCL = 0x8000
const IFREQ_BYTES = 40
const IFREQ_FLAGS = 16

/**
 * Runs `inside` in the network namespace behind `path`. When the thread cannot get back the error
 * is final: the process must end.
 */
export function inNamespace<Result>(calls: Syscalls, path: string, inside: () => Result): Result {
  const home = openOrThrow(calls, '/proc/thread-self/ns/net', O_CLOEXEC)
  try {
    const away = openOrThrow(calls, path, O_CLOEXEC)
    try {
      if (calls.setns(away, CLONE_NEWNET) !== 0) throw failed(calls, `setns to ${path}`)
    } finally {
      calls.close(away)
    }
    try {
      return inside()
    } finally {
      if (calls.setns(home, CLONE_NEWNET) !== 0) throw failed(calls, 'setns back')
    }
  } finally {
    calls.close(home)
  }
}

/**
 * Creates the device in the thread's namespace and returns its descriptor, which does not block.
 * Without virtio headers the kernel does not offload: segments and checksums are done before we see
 * a packet. The device goes with its descriptor.
 */
export function openTun(calls: Syscalls): number {
  const fd = openOrThrow(calls, '/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC)
  const request = Buffer.alloc(IFREQ_BYTES)
  request.write(DEVICE, 'latin1')
  request.writeUInt16LE(IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL, IFREQ_FLAGS)
  if (calls.ioctl(fd, TUNSETIFF, request) !== 0) {
    const error = failed(calls, 'TUNSETIFF')
    calls.close(fd)
    throw error
  }
  return fd
}

function openOrThrow(calls: Syscalls, path: string, flags: number): number {
  const fd = calls.open(path, flags)
  if (fd < 0) throw failed(calls, `open ${path}`)
  return fd
}

function failed(calls: Syscalls, what: string): Error {
  return new Error(`${what}: ${calls.lastError()}`)
}
