// The face of the client side.
export {
  createClient,
  type Client,
  type ClientEvents,
  type ClientOptions,
  type ClientSetup,
  type ProxyPhase,
  type ProxyStatus,
  type SessionInfo,
} from './client.ts'
