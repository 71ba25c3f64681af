// `frpc` from a file, from a folder of files, or from flags (frp-surface.md §1.3, §1.4):
// configuration, log, client, signals, in frp's order and with its texts.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  clientConfigFromValues,
  type ClientValues,
  loadClientConfig,
} from '../lib/config/index.ts'
import { createClient, openAdmin, type ClientSetup } from '../lib/index.ts'
import { boundedClose, untilSignal } from './lifetime.ts'
import { openLogger } from './log/logger.ts'
import {
  type ClientFlags,
  loadOptions,
  type StartFlags,
  wantsJsonLogs,
} from './options.ts'
import { describe, print, printWarnings } from './output.ts'
import { boundYoungHeap } from './young-heap.ts'

/** Resolves to the exit status when the client, or the last of them, is over. */
export async function runClient(flags: ClientFlags): Promise<number> {
  const signal = untilSignal()
  boundYoungHeap()
  if (flags.configDir !== '') return runFolder(flags, signal)
  try {
    await runFile(flags.config, flags, signal)
    return 0
  } catch (error) {
    print(describe(error))
    return 1
  }
}

/** A client of one proxy or visitor, from flags. */
export async function runValues(flags: StartFlags, values: ClientValues): Promise<number> {
  const signal = untilSignal()
  try {
    const { warnings, ...setup } = clientConfigFromValues(values)
    printWarnings(warnings)
    await runSetup(setup, flags, signal)
    return 0
  } catch (error) {
    print(describe(error))
    return 1
  }
}

/**
 * One client for each file; a file that fails does not stop the others, nor change the exit status
 * (as frp).
 */
async function runFolder(flags: ClientFlags, signal: Promise<unknown>): Promise<number> {
  let paths: string[]
  try {
    paths = await filesBelow(flags.configDir)
  } catch (error) {
    print(`the folder ${flags.configDir} of --config_dir cannot be read: ${describe(error)}`)
    return 1
  }
  await Promise.all(
    paths.map(async path => {
      try {
        await runFile(path, flags, signal)
      } catch (error) {
        print(`frpc service error for config file [${path}]\n${describe(error)}`)
      }
    }),
  )
  return 0
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile())
  return files.map(({ parentPath, name }) => join(parentPath, name)).sort()
}

async function runFile(
  path: string,
  flags: StartFlags,
  signal: Promise<unknown>,
): Promise<void> {
  const { warnings, ...setup } = await loadClientConfig(path, loadOptions(flags, process.env))
  printWarnings(warnings)
  await runSetup(setup, flags, signal, path)
}

/** Resolves when the client is over because of the signal; rejects when it could not log in. */
async function runSetup(
  setup: ClientSetup,
  flags: StartFlags,
  signal: Promise<unknown>,
  path?: string,
): Promise<void> {
  const log = openLogger(setup.config.log, { json: wantsJsonLogs(flags, process.env) })
  const own = log.child({ source: 'cli/frpc' })
  if (path) own.info(`start frpc service for config file [${path}] with aggregated configuration`)
  const client = createClient(setup, { log })
  const { webServer } = setup.config
  // Nothing goes in the clear where TLS was asked for.
  const isServed = webServer.port > 0 && webServer.tls === undefined
  const admin = isServed ? await openAdmin(client, webServer, own) : undefined
  let isEnding = false
  const closing = signal.then(() => {
    isEnding = true
    return boundedClose(client.close())
  })
  try {
    await client.start()
    await Promise.race([client.closed, closing])
    if (isEnding) await closing
  } catch (error) {
    // A signal before the first login is an end like any other.
    if (isEnding) return await closing
    throw error
  } finally {
    await admin?.close()
    if (path) own.info(`frpc service for config file [${path}] stopped`)
  }
}
