// The face of the folder.

export { loadQuiche } from './binding.ts'
export type { QuicOptions, TlsOptions } from './config.ts'
export type { QuicConnection } from './connection.ts'
export { QuicEndpoint } from './endpoint.ts'
