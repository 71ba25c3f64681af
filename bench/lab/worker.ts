// The thread of a lab's router: opens the devices, gets itself before other programs where it may,
// runs the loop, and between two of its rounds does what the program asks for.

import { writeFileSync } from 'node:fs'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { Network } from './model/network.ts'
import { seededRandom } from './model/random.ts'
import { HostDevice } from './device.ts'
import type { Command, LabStats, Reply, Request, RouterInput } from './messages.ts'
import { Router } from './router.ts'
import { loadSyscalls } from './syscalls.ts'
import type { Syscalls } from './syscalls.ts'
import { inNamespace, openTun } from './tun.ts'

const PR_SET_TIMERSLACK = 29
const SCHED_FIFO = 1
/** Threads that this one starts are ordinary. */
const SCHED_RESET_ON_FORK = 0x40000000
/** From 1 to 99. Above the kernel's ordinary threads, below those that handle interrupts (50). */
const PRIORITY = 10
const EFD_CLOEXEC_NONBLOCK = 0o2004000
const EVENTFD_BYTES = 8

const port = parentPort
const calls = loadSyscalls()
if (port === null || calls === undefined) throw new Error('not a thread of the lab')
run(port, calls, workerData as RouterInput)

function run(port: NonNullable<typeof parentPort>, calls: Syscalls, input: RouterInput): void {
  const network = new Network(input.spec, { random: seededRandom(input.seed) })
  const fds: number[] = []
  try {
    const devices = input.devices.map(({ path, hosts }) => {
      const fd = inNamespace(calls, path, () => openHost(calls))
      fds.push(fd)
      return new HostDevice(fd, hosts)
    })
    const wakeFd = calls.eventfd(0, EFD_CLOEXEC_NONBLOCK)
    if (wakeFd < 0) throw new Error(`eventfd: ${calls.lastError()}`)
    fds.push(wakeFd)
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
        case 'stats':
          return { network: network.stats(performance.now()), router: router.stats() }
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
    const counter = new Uint8Array(EVENTFD_BYTES)
    const onWake = (): boolean => {
      calls.read(wakeFd, counter, EVENTFD_BYTES)
      for (;;) {
        const received = receiveMessageOnPort(port) as { message: Request } | undefined
        if (received === undefined) break
        port.postMessage(answer(received.message))
      }
      return Atomics.load(input.stop, 0) === 0
    }
    const router = new Router({ calls, network, devices, deviceOf, wakeFd, onWake, isRealtime })
    port.postMessage({ type: 'ready', wakeFd } satisfies Reply)
    router.run()
  } finally {
    for (const fd of fds) calls.close(fd)
    port.close()
  }
}

function openHost(calls: Syscalls): number {
  // The kernel would begin each TCP connection with what it learnt from those before it, and a
  // measurement would depend on the ones before. The setting is the namespace's.
  writeFileSync('/proc/sys/net/ipv4/tcp_no_metrics_save', '1')
  return openTun(calls)
}

/** Timers to the nanosecond, and before ordinary programs; true where the machine allows that. */
function hurry(calls: Syscalls): boolean {
  calls.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
  const parameter = Buffer.alloc(4)
  parameter.writeInt32LE(PRIORITY)
  return calls.sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, parameter) === 0
}
