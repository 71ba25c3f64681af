// Whether this machine can have a lab.

import { execFileSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { loadSyscalls } from './syscalls.ts'

/** True, or in one line what is missing and what to do. */
export function labSupport(): true | string {
  if (process.platform !== 'linux') {
    return `the lab needs Linux (network namespaces and TUN devices), this is ${process.platform}`
  }
  if (process.getuid?.() !== 0) return 'the lab needs root: run it with sudo'
  if (loadSyscalls() === undefined) {
    return 'the lab needs the package koffi, which npm installs on 64-bit x86 and ARM'
  }
  try {
    execFileSync('ip', ['-V'], { stdio: 'ignore' })
  } catch {
    return 'the lab needs the ip command: install iproute2'
  }
  try {
    closeSync(openSync('/dev/net/tun', 'r+'))
  } catch (error) {
    // A container has the file when it is told to, and may still have no right to use it.
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return (
      `the lab needs /dev/net/tun (${code}): ` +
      'modprobe tun, or start the container with --device /dev/net/tun'
    )
  }
  return true
}
