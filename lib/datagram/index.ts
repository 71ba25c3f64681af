// The face of the folder.

export {
  MAX_PACKET_BYTES,
  type Flow,
  type FlowEnd,
  type FlowLink,
  type Redundancy,
} from './flow.ts'
export { encodeAddress } from './header.ts'
export { frpFlowLink, type FrpLinkOptions } from './frp-link.ts'
export {
  acceptFlowLink,
  beginFlowLink,
  openFlowLink,
  receiveFlowLink,
  type BegunLink,
  type FlowLinkOptions,
  type ReceivedLink,
} from './link.ts'
