// The library's Logger on pino: lines of frp's form or JSON, to the terminal or to a rotating file.
// The only file that knows pino.

import { pino, type Logger as Pino } from 'pino'
import type { LogFields, Logger, LogLevel, LogScope } from '../../lib/index.ts'
import { formatLine, type LogRecord } from './line.ts'
import { RotatingFile } from './rotating-file.ts'

/** Where finished lines go. */
export interface LogSink {
  write(text: string): void
  /** Colours make sense here. */
  readonly isTerminal: boolean
}

export interface LoggerOptions {
  readonly level: LogLevel
  /** JSON lines in place of frp's form. */
  readonly json: boolean
  /** Only used on a terminal. */
  readonly color: boolean
  readonly sink: LogSink
}

/** The keys of `log` in a configuration. */
export interface LogSettings {
  readonly to: string
  readonly level: LogLevel
  readonly maxDays: number
  readonly disablePrintColor: boolean
}

/** Throws an Error that names the log file when that cannot be opened. */
export function openLogger(settings: LogSettings, { json }: { readonly json: boolean }): Logger {
  const { to, level, maxDays, disablePrintColor } = settings
  const sink = to === 'console' ? consoleSink() : fileSink(to, maxDays)
  const color = !disablePrintColor && !process.env['NO_COLOR']
  return createLogger({ level, json, color, sink })
}

export function createLogger({ level, json, color, sink }: LoggerOptions): Logger {
  const format = { color: color && sink.isTerminal }
  const root = pino(
    {
      level,
      base: null,
      formatters: { level: label => ({ level: label }) },
      ...(json
        ? { timestamp: pino.stdTimeFunctions.isoTime }
        : // pino has just made this text from a LogRecord of ours.
          { hooks: { streamWrite: text => formatLine(JSON.parse(text) as LogRecord, format) } }),
    },
    sink,
  )
  return new PinoLogger(root, {})
}

class PinoLogger implements Logger {
  readonly #pino: Pino
  readonly #scope: LogScope

  constructor(root: Pino, scope: LogScope) {
    this.#pino = root
    this.#scope = scope
  }

  trace(message: string, fields?: LogFields): void {
    this.#log('trace', message, fields)
  }

  debug(message: string, fields?: LogFields): void {
    this.#log('debug', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#log('info', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#log('warn', message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#log('error', message, fields)
  }

  child({ source = this.#scope.source, tags = [] }: LogScope): Logger {
    const allTags = [...(this.#scope.tags ?? []), ...tags]
    return new PinoLogger(this.#pino, { ...(source && { source }), tags: allTags })
  }

  #log(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (!this.#pino.isLevelEnabled(level)) return
    const { source, tags } = this.#scope
    this.#pino[level](
      { ...(source && { source }), ...(tags?.length && { tags }), ...(fields && { fields }) },
      message,
    )
  }
}

/** A reader that goes away (`frps | head`) ends the log, not the tunnel. */
function consoleSink(): LogSink {
  const { stdout } = process
  if (stdout.listenerCount('error') === 0) stdout.on('error', () => undefined)
  return { write: inBatches(text => void stdout.write(text)), isTerminal: stdout.isTTY }
}

/**
 * Writes to a terminal, pipe or file wait for the kernel; a line for every user connection must not hold up that
 * connection. Lines of one turn of the event loop leave together at its end, and before the process does.
 */
function inBatches(write: (text: string) => void): (text: string) => void {
  let waiting = ''
  const flush = (): void => {
    const text = waiting
    waiting = ''
    if (text !== '') write(text)
  }
  process.on('exit', flush)
  return text => {
    if (waiting === '') setImmediate(flush)
    waiting += text
  }
}

function fileSink(path: string, maxDays: number): LogSink {
  const file = openFiles.get(path) ?? openFile(path, maxDays)
  openFiles.set(path, file)
  return { write: inBatches(text => file.write(text)), isTerminal: false }
}

function openFile(path: string, maxDays: number): RotatingFile {
  try {
    return new RotatingFile({ path, maxDays })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`the log file ${path} cannot be opened: ${reason}`, { cause: error })
  }
}

/**
 * Several clients of one process (--config_dir) may name one file; it must have one writer that
 * rotates it.
 */
const openFiles: Map<string, RotatingFile> = new Map()
