// Programs inside the hosts of a lab, and whether this machine has what a test needs.

import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { labSupport } from '../../bench/lab/index.ts'
import type { Lab } from '../../bench/lab/index.ts'

/** For tap's `skip`: false, or why a test with a lab (and these programs) cannot run here. */
export function skipReason(...programs: readonly string[]): string | false {
  const support = labSupport()
  if (support !== true) return support
  const missing = programs.find(name => !isInstalled(name))
  return missing === undefined ? false : `${missing} is not installed`
}

function isInstalled(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' })
    return true
  } catch {
    // The shell's way to say no.
    return false
  }
}

/** What a program in a host printed, when it has ended; its status does not matter. */
export function outputOf(lab: Lab, host: string, argv: readonly string[]): Promise<string> {
  const child = startIn(lab, host, argv)
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve(text))
  })
}

/** Starts a program that runs until the lab ends it; resolves when it has printed something. */
export async function serve(
  lab: Lab,
  host: string,
  argv: readonly string[],
): Promise<ChildProcess> {
  const child = startIn(lab, host, argv)
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve())
    child.once('error', reject)
    child.once('close', () => reject(new Error(`${argv[0]} ended before it printed anything`)))
  })
  return child
}

function startIn(lab: Lab, host: string, argv: readonly string[]): ChildProcess {
  const [command, args] = lab.command(host, argv)
  return spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
}

/** `count` pings, 10 ms apart; the round trips that came back, in milliseconds. */
export async function ping(
  lab: Lab,
  from: string,
  ip: string,
  options: { readonly count: number; readonly arguments?: readonly string[] },
): Promise<number[]> {
  const argv = ['ping', '-n', '-i', '0.01', '-c', `${options.count}`, '-W', '2']
  const text = await outputOf(lab, from, [...argv, ...(options.arguments ?? []), ip])
  return [...text.matchAll(/time=([\d.]+) ms/g)].map(([, time]) => Number(time))
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
}
