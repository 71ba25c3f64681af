// A load process: some of the services behind the tunnel and some of its users, in a Node process of
// their own, so that the bench's own work does not disturb them and their CPU time can be told from
// the tunnel's. Started by side.ts with its part and the address it listens on; it lives as long as
// the IPC channel.

import { loadSyscalls } from '../lab/syscalls.ts'
import { runBulk } from './bulk.ts'
import { runConnect } from './connect.ts'
import { runCrowd } from './crowd.ts'
import { runEcho } from './echo.ts'
import { runFirstByte } from './first-byte.ts'
import { runGame } from './game.ts'
import { HeldConnections } from './held.ts'
import { runKeystroke } from './keystroke.ts'
import type { LoadCall, LoadReply, LoadRequest, LoadResults } from './messages.ts'
import { startBulkServices, startEchoServices } from './services.ts'
import type { BulkServices, EchoServices } from './services.ts'
import { runSizes } from './sizes.ts'
import { runVolley } from './volley.ts'

const SCHED_FIFO = 1
/** Threads that this one starts are ordinary. */
const SCHED_RESET_ON_FORK = 0x40000000
/** Before all ordinary threads, behind the router of the lab (10). */
const PRIORITY = 5

const [part, host = '127.0.0.1', place] = process.argv.slice(2)
const held = new HeldConnections()
let bulk: BulkServices | undefined
let echoes: EchoServices | undefined

process.on('message', (call: LoadCall) => {
  handleRequest(call.request).then(
    value => reply({ type: 'result', id: call.id, value }),
    (error: unknown) => {
      reply({
        type: 'failed',
        id: call.id,
        message: error instanceof Error ? error.message : String(error),
      })
    },
  )
})
process.on('disconnect', () => process.exit())
// Ctrl-C goes to the whole foreground group; the bench decides when the load ends.
process.on('SIGINT', () => {})

if (part === 'bulk') {
  bulk = await startBulkServices(host)
  reply({ type: 'ready', ports: bulk.ports })
} else {
  if (place === 'lab') comeFirst()
  echoes = await startEchoServices(host)
  reply({ type: 'ready', ports: echoes.ports })
}

/**
 * A clock that waits for a processor shows the machine, not the link. It takes a few milliseconds a
 * second; on loopback, where it does the work that is measured, it must not.
 */
function comeFirst(): void {
  const parameter = Buffer.alloc(4)
  parameter.writeInt32LE(PRIORITY)
  // Where the machine forbids it the figures are those of a process like any other.
  loadSyscalls()?.sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, parameter)
}

function reply(message: LoadReply): void {
  if (process.connected) process.send?.(message)
}

async function handleRequest(request: LoadRequest): Promise<LoadResults[LoadRequest['type']]> {
  switch (request.type) {
    case 'bulk':
      return runBulk(request)
    case 'echo':
      return runEcho(request)
    case 'keystroke':
      return runKeystroke(request)
    case 'game':
      return runGame(request)
    case 'volley':
      return runVolley(request, echoes?.datagramsFd)
    case 'crowd':
      return runCrowd(request, echoes?.datagramsFd)
    case 'sizes':
      return runSizes(request)
    case 'connect':
      return runConnect(request)
    case 'firstByte':
      return runFirstByte(request)
    case 'hold':
      await held.hold(request)
      return undefined
    case 'stall':
      await held.stall(request)
      return undefined
    case 'release':
      held.release()
      return undefined
    case 'limitSource':
      bulk?.limitSource(request.bytes)
      return undefined
    case 'sourceBytes':
      return bulk?.sourceBytes() ?? 0
    default:
      request satisfies never
      return undefined
  }
}
