// When a running program ends: the first SIGINT or SIGTERM asks it to, the second one does not
// wait. SIGHUP keeps its default (the end, as with frp), so that nohup goes on working: a handler
// of ours would undo it.

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/**
 * Longest time that closing may take, in milliseconds. The library bounds its own closing to less;
 * this is for what nobody thought of. Under the 10 s after which container runtimes kill.
 */
const CLOSE_TIMEOUT_MS = 5000

/**
 * Resolves at the first signal to end. After that, a second signal ends the process at once with
 * status 1.
 */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    let isAsked = false
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        if (isAsked) process.exit(1)
        isAsked = true
        resolve(signal)
      })
    }
  })
}

/**
 * Waits for `closing`, but not longer than the bound. Never rejects: at the end nobody is left to
 * care.
 */
export async function boundedClose(closing: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const bound = new Promise<void>(resolve => {
    timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)
  })
  // A failure to close changes nothing for the user: the process ends either way.
  await Promise.race([closing.catch(() => undefined), bound])
  clearTimeout(timer)
}
