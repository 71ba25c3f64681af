// The wait for a peer's first word over a way that was opened for it.

import { TunnelError } from '../errors.ts'

const TIMEOUT_MS = 10_000

export interface Wait {
  readonly signal: AbortSignal
  /** Why, where nothing comes in time. */
  readonly late: string
}

/** Rejects as `work`, or with TIMED_OUT after 10 s, or ABORTED. */
export function within<T>(work: Promise<T>, { signal, late }: Wait): Promise<T> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: unknown): void => {
      finish()
      reject(error)
    }
    const onAbort = (): void => fail(new TunnelError('ABORTED', 'given up'))
    const timer = setTimeout(() => fail(new TunnelError('TIMED_OUT', late)), TIMEOUT_MS)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    work.then(result => {
      finish()
      resolve(result)
    }, fail)
  })
}
