// What must be gone however the process ends: on exit, on a signal, and, after a SIGKILL, from the
// next lab that is opened on the machine.

import { removeNamespaces, staleNamespaces } from './namespaces.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The ways out of the labs that are open. None may wait. */
const open = new Set<() => void>()

/** Calls `leave` when the process ends before the returned function is called. */
export function onWayOut(leave: () => void): () => void {
  if (open.size === 0) {
    process.on('exit', leaveAll)
    for (const signal of SIGNALS) process.on(signal, handleSignal)
  }
  open.add(leave)
  return () => {
    if (open.delete(leave) && open.size === 0) unhook()
  }
}

/** Removes the namespaces, and ends the programs in them, of labs whose process was killed. */
export function removeStaleLabs(): void {
  removeNamespaces(staleNamespaces())
}

function leaveAll(): void {
  for (const leave of open) leave()
  open.clear()
  unhook()
}

function handleSignal(signal: NodeJS.Signals): void {
  // Whoever else listens decides whether the process ends; the exit handler follows then.
  if (process.listenerCount(signal) > 1) return
  leaveAll()
  // Without our listener the signal does what it does by default.
  process.kill(process.pid, signal)
}

function unhook(): void {
  process.off('exit', leaveAll)
  for (const signal of SIGNALS) process.off(signal, handleSignal)
}
