// The router's process: opens the devices, gets itself before other programs where it may, runs the
// loop, and between two of its rounds does what the lab asks for. It ends with its channel, which
// the kernel closes however the lab's process ends.

import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { HostDevice } from './device.ts'
import { encodeFrame, FrameReader } from './frames.ts'
import { CHANNEL_FD } from './messages.ts'
import type { Command, LabStats, Reply, Request, RouterInput } from './messages.ts'
import { Network } from './model/network.ts'
import { seededRandom } from './model/random.ts'
import { Router } from './router.ts'
import { loadSyscalls } from './syscalls.ts'
import type { Syscalls } from './syscalls.ts'
import { inNamespace, openTun } from './tun.ts'
import { warmUp } from './warm-up.ts'

const PR_SET_TIMERSLACK = 29
const SCHED_FIFO = 1
/** Threads that this one starts are ordinary. */
const SCHED_RESET_ON_FORK = 0x40000000
/** From 1 to 99. Before all ordinary threads, behind those that handle interrupts (50). */
const PRIORITY = 10
const PIECE_BYTES = 64 * 1024

process.title = 'quicfrp-lab-router'
try {
  const calls = loadSyscalls()
  if (calls === undefined) throw new Error('koffi does not load')
  const frames = new FrameReader()
  const input = receive(calls, frames)
  // None: the lab's process has ended before it said what it wanted.
  // The lab is ours: what it sends first is this.
  if (input.length > 0) run(calls, frames, input[0] as RouterInput)
} catch (error) {
  send({ type: 'failed', message: error instanceof Error ? error.message : String(error) })
  process.exitCode = 1
}

function run(calls: Syscalls, frames: FrameReader, input: RouterInput): void {
  warmUp(calls, input.spec)
  const network = new Network(input.spec, { random: seededRandom(input.seed) })
  const devices = input.devices.map(({ path, hosts }) => {
    const fd = inNamespace(calls, path, () => openHost(calls))
    return new HostDevice(fd, hosts)
  })
  const deviceOf = new Map(devices.flatMap(one => one.names.map(name => [name, one] as const)))
  const isRealtime = hurry(calls)

  const execute = (command: Command): LabStats | undefined => {
    switch (command.type) {
      case 'setLink':
        network.setLink(command.name, command.pair, performance.now())
        return undefined
      case 'setNat':
        network.setNat(command.name, command.options)
        return undefined
      case 'resetNat':
        network.resetNat(command.name)
        return undefined
      case 'moveHost':
        network.moveHost(command.name, command.to)
        deviceOf.get(command.name)?.move(command.name, command.to)
        return undefined
      case 'setCut':
        network.setCut(command.one, command.other, command.isCut)
        return undefined
      case 'stats':
        return {
          network: network.stats(performance.now()),
          router: { ...router.stats(), cpuMs: cpuMs(), isRealtime },
        }
      default:
        command satisfies never
        return undefined
    }
  }
  const answer = ({ id, command }: Request): Reply => {
    try {
      const stats = execute(command)
      return stats === undefined ? { type: 'done', id } : { type: 'done', id, stats }
    } catch (error) {
      // The model refuses with a RangeError that names what is wrong; the lab goes on.
      return { type: 'refused', id, message: error instanceof Error ? error.message : `${error}` }
    }
  }
  const handleControl = (): boolean => {
    const requests = receive(calls, frames)
    for (const request of requests) send(answer(request as Request))
    return requests.length > 0
  }
  const router = new Router({
    calls,
    network,
    devices,
    deviceOf,
    controlFd: CHANNEL_FD,
    handleControl,
  })
  send({ type: 'ready' })
  router.run()
}

/** Waits for one message at least; none when the other end is gone. */
function receive(calls: Syscalls, frames: FrameReader): unknown[] {
  const piece = new Uint8Array(PIECE_BYTES)
  for (;;) {
    const length = calls.read(CHANNEL_FD, piece, PIECE_BYTES)
    if (length <= 0) return []
    const values = frames.read(piece.subarray(0, length))
    if (values.length > 0) return values
  }
}

function send(reply: Reply): void {
  try {
    writeSync(CHANNEL_FD, encodeFrame(reply))
  } catch {
    // EPIPE: the lab's process is gone; the next read says so.
  }
}

function openHost(calls: Syscalls): number {
  // The kernel would begin each TCP connection with what it learnt from those before it, and a
  // measurement would depend on the ones before. The setting is the namespace's.
  writeFileSync('/proc/sys/net/ipv4/tcp_no_metrics_save', '1')
  // A host may move within its network: its new address must outlive the old one there.
  writeFileSync('/proc/sys/net/ipv4/conf/all/promote_secondaries', '1')
  return openTun(calls)
}

/** Of this thread. The first number of the file is nanoseconds (the kernel's sched-stats.rst). */
function cpuMs(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e6
}

/** Timers to the nanosecond, and before ordinary programs; true where the machine allows that. */
function hurry(calls: Syscalls): boolean {
  calls.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
  const parameter = Buffer.alloc(4)
  parameter.writeInt32LE(PRIORITY)
  return calls.sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, parameter) === 0
}
