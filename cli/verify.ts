// `frps verify` and `frpc verify`: reads and checks a config file, opens nothing that it names.

import {
  loadClientConfig,
  loadServerConfig,
  type LoadOptions,
} from '../lib/config/index.ts'
import { loadOptions, type StartFlags } from './options.ts'
import { describe, print, printWarnings } from './output.ts'

export function verifyServer(flags: StartFlags): Promise<number> {
  return verify('frps', flags, loadServerConfig)
}

export function verifyClient(flags: StartFlags): Promise<number> {
  return verify('frpc', flags, loadClientConfig)
}

async function verify(
  program: string,
  flags: StartFlags,
  load: (path: string, options: LoadOptions) => Promise<{ readonly warnings: string[] }>,
): Promise<number> {
  if (flags.config === '') {
    print(`${program}: the configuration file is not specified`)
    return 0
  }
  try {
    const { warnings } = await load(flags.config, {
      ...loadOptions(flags, process.env),
      resolveSources: false,
    })
    printWarnings(warnings)
  } catch (error) {
    print(describe(error))
    return 1
  }
  print(`${program}: the configuration file ${flags.config} syntax is ok`)
  return 0
}
