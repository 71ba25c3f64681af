// The calls of Linux that the router and the bench's load need and Node does not have, through
// koffi, which is loaded when first asked for. Structure layouts are those of 64-bit little-endian
// Linux.

import { createRequire } from 'node:module'
import { endianness } from 'node:os'
import { getSystemErrorName } from 'node:util'

export interface Syscalls {
  open(path: string, flags: number): number
  close(fd: number): number
  read(fd: number, buffer: Uint8Array, length: number): number
  write(fd: number, buffer: Uint8Array, length: number): number
  ioctl(fd: number, request: number, argument: Uint8Array): number
  ppoll(fds: Uint8Array, count: number, timeout: BigInt64Array, signals: null): number
  setns(fd: number, type: number): number
  socketpair(domain: number, type: number, protocol: number, fds: Uint8Array): number
  prctl(option: number, a: number, b: number, c: number, d: number): number
  sched_setscheduler(pid: number, policy: number, parameter: Uint8Array): number
  socket(domain: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array, length: number): number
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number
  getsockopt(
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: Uint8Array,
  ): number
  recvmmsg(fd: number, vector: Uint8Array, length: number, flags: number, timeout: null): number
  sendmmsg(fd: number, vector: Uint8Array, length: number, flags: number): number
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

const DECLARATIONS = {
  open: 'int open(const char *path, int flags)',
  close: 'int close(int fd)',
  read: 'long read(int fd, void *buffer, unsigned long length)',
  write: 'long write(int fd, void *buffer, unsigned long length)',
  ioctl: 'int ioctl(int fd, unsigned long request, void *argument)',
  ppoll: 'int ppoll(void *fds, unsigned long count, void *timeout, void *signals)',
  socketpair: 'int socketpair(int domain, int type, int protocol, void *fds)',
  setns: 'int setns(int fd, int type)',
  prctl:
    'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
  sched_setscheduler: 'int sched_setscheduler(int pid, int policy, void *parameter)',
  socket: 'int socket(int domain, int type, int protocol)',
  bind: 'int bind(int fd, void *address, unsigned int length)',
  setsockopt: 'int setsockopt(int fd, int level, int name, void *value, unsigned int length)',
  getsockopt: 'int getsockopt(int fd, int level, int name, void *value, void *length)',
  recvmmsg:
    'int recvmmsg(int fd, void *vector, unsigned int length, int flags, void *timeout)',
  sendmmsg: 'int sendmmsg(int fd, void *vector, unsigned int length, int flags)',
}

let loaded: Syscalls | undefined | null = null

/** The calls, or undefined where the platform or koffi does not give them. Loads once a thread. */
export function loadSyscalls(): Syscalls | undefined {
  if (loaded === null) loaded = load()
  return loaded
}

function load(): Syscalls | undefined {
  const is64Bit = process.arch === 'x64' || process.arch === 'arm64'
  if (process.platform !== 'linux' || !is64Bit || endianness() !== 'LE') return undefined
  try {
    // require, because koffi is CommonJS, optional, and must not be looked for at import.
    const koffi = createRequire(import.meta.url)('koffi') as Koffi
    const library = koffi.load(null)
    const calls = Object.entries(DECLARATIONS).map(([name, text]) => [name, library.func(text)])
    const lastError = (): string => getSystemErrorName(-koffi.errno())
    const addressOf = (buffer: Uint8Array): bigint => BigInt(koffi.address(buffer))
    // The declarations are the signatures of `Syscalls`, one to one: the cast states what koffi
    // cannot.
    return { ...Object.fromEntries(calls), addressOf, lastError } as unknown as Syscalls
  } catch {
    // koffi is optional: `labSupport` says that the lab needs it.
    return undefined
  }
}
