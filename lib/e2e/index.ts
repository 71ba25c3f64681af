// End-to-end encryption between a visitor and the owner of a secret proxy: the face of this folder.

export {
  newKeyPair,
  PUBLIC_KEY_BYTES,
  publicKeyOf,
  type KeyPair,
  type SessionKeys,
} from './agreement.ts'
export { PREKEY_LIFE_MS } from './prekeys.ts'
export { OwnerSecret, type Guest, type OwnerSecretOptions } from './owner.ts'
export { PacketOpener, PacketSealer, SEAL_BYTES } from './packets.ts'
export { ownerStream, refuse, visitorStream } from './stream.ts'
export {
  VisitorSecret,
  type Sealing,
  type SecretConnection,
  type VisitorSecretOptions,
} from './visitor.ts'
