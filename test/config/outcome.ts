// Runs a text through our reader the way `verify` does, for tests.

import { type LoadOptions, parseClientConfig, parseServerConfig } from '../../lib/config/index.ts'
import { TunnelError } from '../../lib/errors.ts'

export const loadOptions: LoadOptions = {
  strict: true,
  env: { QUICFRP_TEST: 'value' },
  allowUnsafe: [],
  resolveSources: false,
}

/** The end of lines about parts that frp has and this version has not. */
const NOT_YET = 'is not available in this version of quicfrp yet'

export interface Outcome {
  /**
   * The message of the refusal; undefined where the text is accepted but for parts that are not
   * there yet.
   */
  readonly refusal: string | undefined
  /** Lines about parts that are not there yet. */
  readonly missing: readonly string[]
}

export async function outcome(
  side: 'frps' | 'frpc',
  text: string,
  file: string,
  options: LoadOptions = loadOptions,
): Promise<Outcome> {
  try {
    if (side === 'frps') await parseServerConfig(text, file, options)
    else await parseClientConfig(text, file, options)
    return { refusal: undefined, missing: [] }
  } catch (error) {
    if (!(error instanceof TunnelError) || error.code !== 'CONFIG_INVALID') throw error
    const lines = error.detail.split('\n')
    const missing = lines.filter(line => line.endsWith(NOT_YET))
    return { refusal: missing.length === lines.length ? undefined : error.message, missing }
  }
}
