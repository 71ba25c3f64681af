// One QUIC connection between two clients, over whatever way there is. The face of this folder.

export type { PeerNetwork } from './network.ts'
export { NetworkKeeper, type NetworkKeeperOptions, type ServerView } from './keeper.ts'
export { examineNetwork, type ExamineOptions, type NetworkReport } from './examine.ts'
export type { PeerKind, Prognosis, Prospect } from '../../nat/index.ts'
export { parseStunServers, type StunServerName } from './discovery.ts'
export { requestFilterTest } from './filter-test.ts'
export { Peer } from './peer.ts'
export { PeerPort } from './port.ts'
export { OwnerPeers, type OwnerPeersOptions } from './owner.ts'
export type { PeerStatus } from './status.ts'
export { openStreamOf, type StreamHead, type StreamKind } from './stream-kinds.ts'
export { visitorPeer, type VisitorPeer, type VisitorPeerOptions } from './visitor.ts'
