// The wait for the other side's first word through a hole that is open.

import { TunnelError } from '../errors.ts'

const TIMEOUT_MS = 10_000

export interface HoleWait {
  /** Of the protocol, for people. */
  readonly name: string
  readonly signal: AbortSignal
}

/** Rejects as `work`, or with TIMED_OUT after 10 s, or ABORTED. */
export function throughHole<T>(work: Promise<T>, { name, signal }: HoleWait): Promise<T> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: TunnelError): void => {
      finish()
      reject(error)
    }
    const onAbort = (): void => fail(new TunnelError('ABORTED', 'given up'))
    const detail = `the hole is open, but ${name} does not get through`
    const timer = setTimeout(() => fail(new TunnelError('TIMED_OUT', detail)), TIMEOUT_MS)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    work.then(resolve, reject).finally(finish)
  })
}
