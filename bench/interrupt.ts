// Ctrl-C of a bench: the first one ends the measuring, and what there is so far is reported; a
// second one ends the process at once. Either way the exit handler ends every program.

import { killAllPrograms } from './process.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The status of a program that a signal ended, by the shell's count: 128 + SIGINT. */
export const INTERRUPTED_STATUS = 130

export interface Interruption {
  readonly signal: AbortSignal
  /** Gives the signals back. */
  stop(): void
}

export function watchInterrupts(): Interruption {
  const controller = new AbortController()
  const handle = (): void => {
    if (controller.signal.aborted) process.exit(INTERRUPTED_STATUS)
    controller.abort()
    killAllPrograms() // also wakes a run that waits for one of them to come up
  }
  for (const name of SIGNALS) process.on(name, handle)
  process.on('exit', killAllPrograms)
  return {
    signal: controller.signal,
    stop: () => {
      for (const name of SIGNALS) process.off(name, handle)
      process.off('exit', killAllPrograms)
    },
  }
}
