// The face of nat/stun: Binding messages, transactions of a client, and the responder of a server.

export * from './message.ts'
export { decodeStun, encodeStun } from './codec.ts'
export {
  idText,
  Transactions,
  type TransactionAnswer,
  type TransactionOptions,
  type TransactionOutput,
  type TransactionRequest,
} from './transaction.ts'
export { RateLimit, type Rate } from './rate-limit.ts'
export {
  Responder,
  type ResponderOptions,
  type ResponderOutput,
  type StunSocket,
} from './responder.ts'
