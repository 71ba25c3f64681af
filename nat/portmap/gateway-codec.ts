// What PCP and NAT-PMP have in common, as one interface: a question to port 5351 of the gateway
// "are you there", a question for a mapping, and answers with a clock that shows a restart.

import type { MappingProtocol } from './types.ts'

/** Both protocols listen there (RFC 6886 §3, RFC 6887 §19.4). */
export const GATEWAY_PORT = 5351

export interface MapRequest {
  readonly internalPort: number
  /** What we would like; 0 for any. */
  readonly externalPort: number
  /** 0 removes the mapping. */
  readonly leaseSeconds: number
}

/**
 * `epochSeconds` counts from when the gateway last forgot its mappings. `externalIp` only where the
 * protocol says it in that answer.
 */
export type GatewayAnswer =
  | {
      readonly type: 'alive'
      readonly epochSeconds: number
      readonly externalIp: string | undefined
    }
  | {
      readonly type: 'mapped'
      readonly epochSeconds: number
      readonly internalPort: number
      readonly externalPort: number
      readonly externalIp: string | undefined
      readonly leaseSeconds: number
    }
  | { readonly type: 'refused'; readonly to: 'probe' | 'map'; readonly reason: string }

export interface GatewayCodec {
  readonly protocol: MappingProtocol
  probe(): Buffer
  map(request: MapRequest): Buffer
  /** Undefined for what is no answer to this client. Never throws. */
  decode(data: Buffer): GatewayAnswer | undefined
}
