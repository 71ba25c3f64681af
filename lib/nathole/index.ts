// frp's own exchange for opening a hole between two peers (frp-wire.md section 7), for each of the
// three places. The face of this folder.

export { Rendezvous } from './rendezvous.ts'
export type {
  HoleDoor,
  HoleIntroduction,
  HoleParty,
  RendezvousOutput,
} from './rendezvous.ts'
