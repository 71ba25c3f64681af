// What Linux knows about a running process: its CPU time and its resident memory.

import { readFileSync } from 'node:fs'

/** USER_HZ: the unit of /proc/PID/stat. It is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/**
 * User and system time of all threads so far, in seconds, in steps of 10 ms. Throws when the
 * process is gone.
 */
export function cpuSeconds(pid: number): number {
  return parseCpuSeconds(readFileSync(`/proc/${pid}/stat`, 'latin1'))
}

/**
 * The text of /proc/PID/stat; the name in it can hold blanks and brackets, so fields count from its
 * end.
 */
export function parseCpuSeconds(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // utime and stime are fields 14 and 15 of proc(5); `fields` starts with field 3.
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/**
 * Resident memory in bytes. smaps_rollup walks the page tables; the cheap counters of statm are
 * kept per CPU and can be off by a few hundred kB, which is most of what 500 connections cost.
 * Throws when the process is gone.
 */
export function residentBytes(pid: number): number {
  const match = /^Rss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))
  if (match === null) throw new Error(`process ${pid} has no resident memory: it has ended`)
  return Number(match[1]) * 1024
}
