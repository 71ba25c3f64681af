// A C library for the batch: memory has made-up addresses, and a send says what it was given.

import type { Libc } from '../../lib/udp/libc.ts'

export interface SentRun {
  readonly fd: number
  /** The sockaddr's bytes. */
  readonly name: string
  /** What the receiver gets. */
  readonly datagrams: readonly string[]
}

export class FakeKernel {
  readonly sent: SentRun[] = []
  calls = 0
  /** Answers to the next calls: an error's name, or how many entries are taken. */
  readonly answers: (string | number)[] = []
  readonly #memory: Uint8Array[] = []
  #error = ''

  libc(): Libc {
    const unused = (): never => {
      throw new Error('not of this test')
    }
    return {
      socket: unused,
      bind: unused,
      connect: unused,
      close: unused,
      setsockopt: unused,
      sendmsg: unused,
      sendmmsg: (fd, vector, count) => this.#sendmmsg(fd, Buffer.from(vector), count),
      recvmmsg: unused,
      epoll_create1: unused,
      epoll_ctl: unused,
      epoll_wait: unused,
      eventfd: unused,
      dup2: unused,
      mallopt: unused,
      addressOf: buffer => BigInt(this.#memory.push(buffer)) << 32n,
      lastError: () => this.#error,
    }
  }

  #sendmmsg(fd: number, vector: Buffer, count: number): number {
    this.calls++
    const answer = this.answers.shift() ?? count
    if (typeof answer === 'string') {
      this.#error = answer
      return -1
    }
    for (let entry = 0; entry < answer; entry++) {
      this.sent.push(this.#read(fd, vector.subarray(entry * 64)))
    }
    return answer
  }

  #read(fd: number, header: Buffer): SentRun {
    const name = this.#at(header.readBigUInt64LE(0), header.readUInt32LE(8)).toString('latin1')
    const iovec = this.#at(header.readBigUInt64LE(16), 16)
    const length = Number(iovec.readBigUInt64LE(8))
    const bytes = this.#at(iovec.readBigUInt64LE(0), length).toString('latin1')
    const controlBytes = Number(header.readBigUInt64LE(40))
    if (controlBytes === 0) return { fd, name, datagrams: [bytes] }
    const size = this.#at(header.readBigUInt64LE(32), controlBytes).readUInt16LE(16)
    const datagrams: string[] = []
    for (let at = 0; at < length; at += size) datagrams.push(bytes.slice(at, at + size))
    return { fd, name, datagrams }
  }

  #at(address: bigint, length: number): Buffer {
    const memory = this.#memory[Number(address >> 32n) - 1]
    if (memory === undefined) throw new Error(`no memory at ${address}`)
    const offset = Number(address & 0xffff_ffffn)
    if (offset + length > memory.length) throw new Error('beyond the end of the memory')
    return Buffer.from(memory.buffer, memory.byteOffset + offset, length)
  }
}
