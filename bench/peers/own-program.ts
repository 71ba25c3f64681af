// This build's programs, as benches start them.

import { accessSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Its path. Throws an error that says what to do when the project was not built. */
export function ownProgram(name: 'frps' | 'frpc'): string {
  const path = fileURLToPath(new URL(`../../cli/${name}.js`, import.meta.url))
  try {
    accessSync(path)
  } catch (error) {
    throw new Error(`${path} does not exist: run "npm run build" first`, { cause: error })
  }
  return path
}
