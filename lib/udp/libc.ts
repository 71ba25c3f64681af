// The few calls of the C library that the batching sockets need, through koffi, which is loaded
// when first asked for. Structure layouts are those of 64-bit little-endian Linux.

import { createRequire } from 'node:module'
import { endianness } from 'node:os'
import { getSystemErrorName } from 'node:util'

export interface Libc {
  socket(domain: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array, length: number): number
  connect(fd: number, address: Uint8Array, length: number): number
  close(fd: number): number
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number
  sendmsg(fd: number, message: Uint8Array, flags: number): number
  sendmmsg(fd: number, vector: Uint8Array, length: number, flags: number): number
  recvmmsg(fd: number, vector: Uint8Array, length: number, flags: number, timeout: null): number
  epoll_create1(flags: number): number
  epoll_ctl(epoll: number, operation: number, fd: number, event: Uint8Array): number
  epoll_wait(epoll: number, events: Uint8Array, length: number, timeoutMs: number): number
  eventfd(count: number, flags: number): number
  dup2(fd: number, target: number): number
  mallopt(parameter: number, value: number): number
  /** Where a buffer's memory is. The buffer must be kept referenced and must never be resized. */
  addressOf(buffer: Uint8Array): bigint
  /** `errno` of the last call, as a name (`EAGAIN`). */
  lastError(): string
}

/** What this file uses of koffi; the package's own types describe far more. */
interface Koffi {
  load(path: string | null): { func(declaration: string): (...args: never[]) => number }
  address(buffer: Uint8Array): number | bigint
  errno(): number
}

let loaded: Libc | undefined | null = null

/** The calls, or undefined where the platform or koffi does not give them. Loads once. */
export function loadLibc(): Libc | undefined {
  if (loaded === null) loaded = load()
  return loaded
}

function load(): Libc | undefined {
  const is64Bit = process.arch === 'x64' || process.arch === 'arm64'
  if (process.platform !== 'linux' || !is64Bit || endianness() !== 'LE') return undefined
  try {
    // require, because koffi is CommonJS, optional, and must not be looked for at import.
    const koffi = createRequire(import.meta.url)('koffi') as Koffi
    const library = koffi.load(null)
    // The declarations below are the signatures of `Libc`, one to one: the cast states what koffi
    // cannot.
    const call = <Name extends keyof Libc>(declaration: string): Libc[Name] =>
      library.func(declaration) as unknown as Libc[Name]
    return {
      socket: call<'socket'>('int socket(int domain, int type, int protocol)'),
      bind: call<'bind'>('int bind(int fd, void *address, unsigned int length)'),
      connect: call<'connect'>('int connect(int fd, void *address, unsigned int length)'),
      close: call<'close'>('int close(int fd)'),
      setsockopt: call<'setsockopt'>(
        'int setsockopt(int fd, int level, int name, void *value, unsigned int length)',
      ),
      sendmsg: call<'sendmsg'>('long sendmsg(int fd, void *message, int flags)'),
      sendmmsg: call<'sendmmsg'>(
        'int sendmmsg(int fd, void *vector, unsigned int length, int flags)',
      ),
      recvmmsg: call<'recvmmsg'>(
        'int recvmmsg(int fd, void *vector, unsigned int length, int flags, void *timeout)',
      ),
      epoll_create1: call<'epoll_create1'>('int epoll_create1(int flags)'),
      epoll_ctl: call<'epoll_ctl'>('int epoll_ctl(int epoll, int op, int fd, void *event)'),
      epoll_wait: call<'epoll_wait'>(
        'int epoll_wait(int epoll, void *events, int length, int timeout)',
      ),
      eventfd: call<'eventfd'>('int eventfd(unsigned int count, int flags)'),
      dup2: call<'dup2'>('int dup2(int fd, int target)'),
      mallopt: call<'mallopt'>('int mallopt(int parameter, int value)'),
      addressOf: buffer => BigInt(koffi.address(buffer)),
      lastError: () => getSystemErrorName(-koffi.errno()),
    }
  } catch {
    // koffi is optional: without it the portable socket serves, only slower.
    return undefined
  }
}
