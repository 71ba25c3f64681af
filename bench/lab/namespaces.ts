// Network namespaces of labs: their names say whose they are, so that what a killed process left
// can be told from what is in use. The work is done by the ip command, which keeps a namespace as a
// mount in /run/netns.

import { execFile, execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'

const FOLDER = '/run/netns'
const PREFIX = 'quicfrp'
/** quicfrp-<pid>-<start of that process>-<number of the lab>-<host> */
const NAME = new RegExp(`^${PREFIX}-(\\d+)-(\\d+)-(\\d+)-(.+)$`)
/** A field of /proc/<pid>/stat (proc(5)): start after boot, so that a pid used again shows. */
const START_FIELD = 22

/** The name of a host's namespace in the `number`th lab of this process. */
export function namespaceName(number: number, host: string): string {
  return `${PREFIX}-${process.pid}-${startOf(process.pid) ?? 0}-${number}-${host}`
}

export function namespacePath(name: string): string {
  return `${FOLDER}/${name}`
}

/** How to start `argv` in a namespace: ip becomes the program, whose process id it so is. */
export function commandIn(name: string, argv: readonly string[]): [string, string[]] {
  return ['ip', ['netns', 'exec', name, ...argv]]
}

/** Gives `lines` to one ip process, which stops at the first that fails; rejects with its words. */
export function ip(lines: readonly string[], namespace?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile('ip', batchArguments(namespace), error => {
      if (error === null) resolve()
      else reject(new Error(`ip: ${error.message.trim().split('\n').slice(1).join('; ')}`))
    })
    // A child that ends before it has read all: its exit status tells more than EPIPE.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(lines.join('\n') + '\n')
  })
}

/**
 * Ends with SIGKILL what runs in the namespaces, then removes them. Waits for nothing, so that an
 * exit handler can call it; a namespace that is gone already is no error.
 */
export function removeNamespaces(names: readonly string[]): void {
  if (names.length === 0) return
  for (const pid of processesIn(names)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // ESRCH: it has ended by itself meanwhile, which is what was wanted.
    }
  }
  const lines = names.map(name => `netns del ${name}`)
  try {
    execFileSync('ip', ['-force', ...batchArguments()], {
      input: lines.join('\n') + '\n',
      stdio: ['pipe', 'ignore', 'ignore'],
    })
  } catch {
    // -force goes on after a name that is gone; the status then tells of it, and nothing is left.
  }
}

/** The namespaces of labs whose process is no more. */
export function staleNamespaces(): string[] {
  return listFolder(FOLDER).filter(name => {
    const [, pid, start] = NAME.exec(name) ?? []
    return pid !== undefined && startOf(Number(pid)) !== start
  })
}

/** Ids of the processes in the namespaces, without this process. */
function processesIn(names: readonly string[]): number[] {
  const wanted = new Set<string>()
  for (const name of names) {
    const file = statSync(namespacePath(name), { throwIfNoEntry: false })
    if (file !== undefined) wanted.add(`net:[${file.ino}]`)
  }
  return listFolder('/proc')
    .map(Number)
    .filter(pid => pid > 0 && pid !== process.pid && wanted.has(namespaceOf(pid)))
}

function namespaceOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    // The process has ended since the folder was read, or is a zombie.
    return ''
  }
}

function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field, the program's name, may have spaces; it ends with the last bracket.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[START_FIELD - 3]
  } catch {
    // No such process.
    return undefined
  }
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    // /run/netns appears with the first namespace of the machine.
    return []
  }
}

function batchArguments(namespace?: string): string[] {
  return [...(namespace === undefined ? [] : ['-n', namespace]), '-batch', '-']
}
