// The load process: source, sink and users of a tunnel in one Node process of their own, so that
// the bench's own work does not disturb them and their CPU time can be told from the tunnel's. It
// lives as long as the IPC channel.

import { runBulk } from './bulk.ts'
import { runConnect } from './connect.ts'
import { runEcho } from './echo.ts'
import { HeldConnections } from './held.ts'
import type { LoadCall, LoadReply, LoadRequest, LoadResults } from './messages.ts'
import { startServices } from './services.ts'

const services = await startServices()
const held = new HeldConnections()

process.on('message', (call: LoadCall) => {
  handleRequest(call.request).then(
    value => reply({ type: 'result', id: call.id, value }),
    (error: unknown) => {
      reply({
        type: 'failed',
        id: call.id,
        message: error instanceof Error ? error.message : String(error)
      })
    }
  )
})
process.on('disconnect', () => process.exit())
// Ctrl-C goes to the whole foreground group; the bench decides when the load ends.
process.on('SIGINT', () => {})

reply({ type: 'ready', ports: services.ports })

function reply(message: LoadReply): void {
  if (process.connected) process.send?.(message)
}

async function handleRequest(request: LoadRequest): Promise<LoadResults[LoadRequest['type']]> {
  switch (request.type) {
    case 'bulk':
      return runBulk(request, services)
    case 'echo':
      return runEcho(request)
    case 'connect':
      return runConnect(request)
    case 'hold':
      await held.hold(request)
      return undefined
    case 'stall':
      await held.stall(request, services)
      return undefined
    case 'stalledBytes':
      return services.sourceBytes()
    case 'release':
      held.release()
      return undefined
    default:
      request satisfies never
      return undefined
  }
}
