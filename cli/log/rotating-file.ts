// A log file as frp keeps one: appended to, mode 0600, its folder made, renamed to
// `name.YYYYMMDD-HHMMSS.ext` when the day is over, and the renamed ones deleted after some days
// (frp-surface.md §7.1). Writes are synchronous: a line is on its way to the disk before the next
// thing happens, and there are few of them.

import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'

export interface RotatingFileOptions {
  readonly path: string
  /** Rotated files older than this many days are deleted; negative = none is. */
  readonly maxDays: number
  /** Default: the wall clock, by whose local midnight days end. */
  readonly now?: () => Date
}

const DAY_MS = 86_400_000

export class RotatingFile {
  readonly #path: string
  readonly #maxDays: number
  readonly #now: () => Date
  #fd: number | undefined
  /** The local day that the lines in the file belong to. */
  #day: string

  /** Throws the system's error when the file cannot be opened. */
  constructor({ path, maxDays, now = () => new Date() }: RotatingFileOptions) {
    this.#path = path
    this.#maxDays = maxDays
    this.#now = now
    mkdirSync(dirname(path), { recursive: true })
    this.#fd = openSync(path, 'a', 0o600)
    const { size, mtime } = fstatSync(this.#fd)
    this.#day = localDay(size > 0 ? mtime : now())
    this.#deleteOld()
  }

  /** Never throws: a full disk must not end the tunnel. The line is lost then. */
  write(text: string): void {
    try {
      if (localDay(this.#now()) !== this.#day) this.#rotate()
      this.#fd ??= openSync(this.#path, 'a', 0o600)
      writeSync(this.#fd, text)
    } catch {
      // There is no place left where this could be told.
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  #rotate(): void {
    this.close()
    const now = this.#now()
    this.#day = localDay(now)
    const { prefix, suffix } = this.#backupName()
    const backup = `${prefix}${stampOf(now)}${suffix}`
    try {
      renameSync(this.#path, join(dirname(this.#path), backup))
    } catch {
      // Somebody else moved it away: the next line starts a new one all the same.
    }
    this.#deleteOld()
  }

  #deleteOld(): void {
    if (this.#maxDays < 0) return
    const folder = dirname(this.#path)
    const oldest = stampOf(new Date(this.#now().getTime() - this.#maxDays * DAY_MS))
    const { prefix, suffix } = this.#backupName()
    for (const name of readdirSync(folder)) {
      if (!name.startsWith(prefix) || !name.endsWith(suffix)) continue
      const stamp = name.slice(prefix.length, name.length - suffix.length)
      // Stamps sort as the times that they mean.
      if (/^\d{8}-\d{6}$/.test(stamp) && stamp < oldest) rmSync(join(folder, name), { force: true })
    }
  }

  /** What stands before and after the time in the name of a rotated file. */
  #backupName(): { prefix: string; suffix: string } {
    const suffix = extname(this.#path)
    return { prefix: `${basename(this.#path, suffix)}.`, suffix }
  }
}

function localDay(date: Date): string {
  return stampOf(date).slice(0, 8)
}

/** `YYYYMMDD-HHMMSS`, local time. */
function stampOf(date: Date): string {
  const parts = [date.getMonth() + 1, date.getDate()].map(two)
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two)
  return `${date.getFullYear()}${parts.join('')}-${time.join('')}`
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}
