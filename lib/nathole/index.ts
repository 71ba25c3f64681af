// frp's own exchange for opening a hole between two peers (frp-wire.md section 7), for each of the
// three places. The face of this folder.

export { natFeature, type NatFeature } from './feature.ts'
export { Rendezvous } from './rendezvous.ts'
export type {
  HoleDoor,
  HoleIntroduction,
  HoleParty,
  RendezvousOutput,
} from './rendezvous.ts'
export { HoleRequests, type HoleSignalling } from './signalling.ts'
export {
  type HoleNetwork,
  type HoleQuic,
  type PreparedHole,
  prepareHole,
  preparedLine,
} from './prepared-hole.ts'
export { type OpenHole, punch } from './punched.ts'
export { TunnelPacing } from './tunnel-pacing.ts'
export { acceptTunnel, dialTunnel, isTunnelStart } from './tunnel.ts'
export { prepareToAccept } from '../transport/quic-hole.ts'
