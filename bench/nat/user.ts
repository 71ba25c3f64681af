// A user of the visitor's door: asks the service one question, given as JSON in the first argument,
// and prints the answer as JSON. A process of its own for each question, on the visitor's host.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { loadSyscalls } from '../lab/syscalls.ts'
import { epochNow, ProgressLog } from '../load/progress.ts'
import { BlockCheck, ECHO, MESSAGE_BYTES, SEND } from './traffic.ts'
import type {
  DownloadAnswer,
  DownloadQuestion,
  EchoAnswer,
  EchoQuestion,
  Question,
} from './traffic.ts'

const SCHED_FIFO = 1
/** Threads that this one starts are ordinary. */
const SCHED_RESET_ON_FORK = 0x40000000
/** As the load's clocks (bench/load/process.ts): before ordinary threads, behind the router. */
const PRIORITY = 5
const RECEIVE_BYTES = 512 * 1024
const WARM_UP_CONNECTIONS = 3

// The end of its input says that what it has is enough.
const stopped = new Promise<void>(resolve => process.stdin.once('end', resolve).resume())

// The bench is ours: what it asks is a Question.
const question = JSON.parse(process.argv[2] ?? '{}') as Question
if (question.type === 'echo') await warmUp()
const answer = question.type === 'echo' ? await echo(question) : await download(question)
process.stdin.destroy()
process.stdout.write(`${JSON.stringify(answer)}\n`)

/**
 * The first connection of a program takes 2 to 4 ms longer than the later ones, without anything in
 * between: those are this process's and not the tunnel's.
 */
async function warmUp(): Promise<void> {
  const server = createServer({ noDelay: true }, socket => {
    socket.on('error', () => socket.destroy())
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  for (let round = 0; round < WARM_UP_CONNECTIONS; round++) {
    await echo({ type: 'echo', port, intervalMs: 5, limitMs: 1000, untilBelowMs: Infinity })
  }
  server.close()
}

function echo({ port, intervalMs, limitMs, untilBelowMs }: EchoQuestion): Promise<EchoAnswer> {
  const parameter = Buffer.alloc(4)
  parameter.writeInt32LE(PRIORITY)
  // A few milliseconds a second. Where the machine forbids it, the clock is that of any process.
  loadSyscalls()?.sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, parameter)
  const startedAt = epochNow()
  const sentAt: EchoAnswer['sentAt'][number][] = []
  const roundTripMs: (number | null)[] = []
  const message = Buffer.alloc(MESSAGE_BYTES, ECHO)
  let received = 0
  let answered = 0
  return new Promise(resolve => {
    const end = (brokenAt?: number): void => {
      clearInterval(timer)
      clearTimeout(limit)
      socket.destroy()
      resolve({ startedAt, sentAt, roundTripMs, ...(brokenAt !== undefined && { brokenAt }) })
    }
    const handleBytes = (bytes: number): boolean => {
      const now = epochNow()
      received += bytes
      // The echo keeps the order: the n-th message that is complete is the n-th that was sent.
      for (; received >= (answered + 1) * MESSAGE_BYTES; answered++) {
        const tookMs = now - (sentAt[answered] ?? now)
        roundTripMs[answered] = tookMs
        if (untilBelowMs === undefined || tookMs >= untilBelowMs) continue
        end()
        return false
      }
      return true
    }
    const socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: { buffer: Buffer.allocUnsafeSlow(16_384), callback: handleBytes },
    })
    let dueAt = startedAt
    const send = (): void => {
      const now = epochNow()
      if (now < dueAt) return
      dueAt = Math.max(dueAt + intervalMs, now - intervalMs)
      sentAt.push(now)
      roundTripMs.push(null)
      socket.write(message)
    }
    const timer = setInterval(send, Math.max(1, intervalMs / 2))
    const limit = setTimeout(() => end(), limitMs)
    void stopped.then(() => end())
    send()
    const handleBroken = (): void => end(epochNow())
    socket.once('error', handleBroken)
    socket.once('end', handleBroken)
    socket.once('close', handleBroken)
  })
}

function download({ port, limitMs, untilBytes }: DownloadQuestion): Promise<DownloadAnswer> {
  const startedAt = epochNow()
  const log = new ProgressLog()
  const check = new BlockCheck()
  let bytes = 0
  return new Promise(resolve => {
    const end = (brokenAt?: number): void => {
      clearTimeout(limit)
      socket.destroy()
      const { at, bytes: had } = log.taken()
      const { wrongBytes } = check
      const answer = { startedAt, at: [...at], bytes: [...had], wrongBytes }
      resolve({ ...answer, ...(brokenAt !== undefined && { brokenAt }) })
    }
    const socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(RECEIVE_BYTES),
        callback: (length, buffer) => {
          bytes += length
          check.push(buffer.subarray(0, length))
          const now = epochNow()
          // A row for each millisecond is more than any figure needs.
          if (now - (log.lastAt ?? 0) >= 1) log.add(now, bytes)
          if (untilBytes !== undefined && bytes >= untilBytes) end()
          return true
        },
      },
    })
    socket.write(Buffer.of(SEND))
    const limit = setTimeout(() => end(), limitMs)
    void stopped.then(() => end())
    const handleBroken = (): void => end(epochNow())
    socket.once('error', handleBroken)
    socket.once('end', handleBroken)
    socket.once('close', handleBroken)
  })
}
