// The one error class of the project and the table of its codes. Callers match `code`; people read
// the message.

export type ErrorCode =
  | 'ABORTED' // the caller's signal fired
  | 'ADDRESS_IN_USE' // a listening port of ours is taken
  | 'AUTH_FAILED' // wrong token, or a proof that does not fit
  | 'CONFIG_INVALID' // a config file or flag is wrong; the message has file, line and key
  | 'CONNECT_FAILED' // the peer cannot be reached
  | 'LIMIT_EXCEEDED' // a stranger or a peer asked for more than its bound
  | 'LOCAL_SERVICE_DOWN' // frpc could not connect to the local service of a proxy
  | 'LOGIN_REFUSED' // frps answered Login with an error
  | 'PORT_NOT_ALLOWED' // outside allowPorts
  | 'PORT_UNAVAILABLE' // a user-facing port is taken
  | 'PROTOCOL_ERROR' // the peer broke the wire format
  | 'PROXY_REFUSED' // frps answered NewProxy with an error
  | 'SESSION_CLOSED' // the session ended while it was needed
  | 'STREAM_RESET' // the peer reset one stream
  | 'TIMED_OUT' // a bounded wait ended
  | 'TLS_FAILED' // handshake or certificate
  | 'UNSUPPORTED' // a part that does not exist here

/** Every error that leaves a module of ours. `cause` keeps the lower error. */
export class TunnelError extends Error {
  override readonly name = 'TunnelError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, detail: string, options?: ErrorOptions) {
    super(`${detail} [${code}]`, options)
    this.code = code
  }

  /** The message without the code, for texts that go to a peer or into a status table. */
  get detail(): string {
    return this.message.slice(0, -(this.code.length + 3))
  }
}

/** What the system's codes mean, in the words that people search for. */
const IN_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ENOTFOUND: 'no such host',
  ETIMEDOUT: 'timed out',
}

/** The text of anything that was thrown. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const words = IN_WORDS[systemCode(error) ?? '']
  if (words === undefined) return error.message
  // An error for several addresses has no message of its own.
  return error.message === '' ? words : `${words} (${error.message})`
}

/** The text of anything that was thrown, without the code of ours; for logs, peers and tables. */
export function errorDetail(error: unknown): string {
  return error instanceof TunnelError ? error.detail : errorText(error)
}

/** The `code` of a Node system error (`EADDRINUSE`), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' ? code : undefined
}
