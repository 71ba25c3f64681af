// The public API. Nothing else is public.
export { TunnelError, type ErrorCode } from './errors.ts'
export type { Logger, LogFields, LogLevel, LogScope } from './log.ts'
