// Folders for the config files of programs under test, which are gone whichever way the bench ends.

import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const open = new Set<string>()

export interface Workspace {
  readonly directory: string
  /** Safe to call twice. */
  remove(): Promise<void>
}

export async function openWorkspace(): Promise<Workspace> {
  const directory = await mkdtemp(join(tmpdir(), 'quicfrp-bench-'))
  if (open.size === 0) process.on('exit', removeAll)
  open.add(directory)
  return {
    directory,
    remove: async () => {
      await rm(directory, { recursive: true, force: true })
      open.delete(directory)
      if (open.size === 0) process.off('exit', removeAll)
    },
  }
}

/** Nothing can be awaited there. */
function removeAll(): void {
  for (const directory of open) rmSync(directory, { recursive: true, force: true })
}
