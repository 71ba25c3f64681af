// A logger that keeps warnings for a report and drops the rest.

import { type Logger, silentLogger } from '../lib/index.ts'

export function warningsTo(list: string[]): Logger {
  const logger: Logger = {
    ...silentLogger,
    warn: message => void list.push(message),
    child: () => logger,
  }
  return logger
}
