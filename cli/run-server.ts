// `frps`: configuration, log, server, signals, in frp's order and with its texts (frp-surface.md
// §1.2).

import {
  loadServerConfig,
  serverConfigFromValues,
  type LoadedServer,
} from '../lib/config/index.ts'
import { createServer } from '../lib/index.ts'
import { boundedClose, untilSignal } from './lifetime.ts'
import { openLogger } from './log/logger.ts'
import {
  loadOptions,
  type ServerFlags,
  serverValues,
  wantsJsonLogs,
} from './options.ts'
import { describe, print, printWarnings } from './output.ts'
import { boundYoungHeap } from './young-heap.ts'

/** Resolves to the exit status when the server is over. */
export async function runServer(flags: ServerFlags): Promise<number> {
  const signal = untilSignal()
  boundYoungHeap()
  try {
    const { config, warnings } = await configOf(flags)
    printWarnings(warnings)
    const log = openLogger(config.log, { json: wantsJsonLogs(flags, process.env) })
    const own = log.child({ source: 'cli/frps' })
    own.info(
      flags.config === ''
        ? 'frps uses command line arguments for config'
        : `frps uses config file: ${flags.config}`,
    )
    const server = createServer(config, { log })
    await server.start()
    own.info(`frps is closing (${await signal})`)
    await boundedClose(server.close())
    return 0
  } catch (error) {
    print(describe(error))
    return 1
  }
}

async function configOf(flags: ServerFlags): Promise<LoadedServer> {
  if (flags.config !== '') return loadServerConfig(flags.config, loadOptions(flags, process.env))
  return serverConfigFromValues(serverValues(flags))
}
