// The logger interface that is handed down. pino lives in cli; the library default is silent.

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error'

/**
 * A logger with fields. `child` adds fields that stand in brackets before the message on a terminal
 * (run id, then proxy name, as frp). One info line for each change in a life, nothing per packet,
 * never a secret.
 */
export interface Logger {
  trace(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** `source` names the part that speaks (`server/control`); `tags` are the bracketed prefixes. */
  child(scope: LogScope): Logger
}

export interface LogScope {
  readonly source?: string
  readonly tags?: readonly string[]
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

function ignore(): void {}

/** Drops everything. */
export const silentLogger: Logger = {
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  child: () => silentLogger,
}
