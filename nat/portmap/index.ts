// Port mapping: PCP, NAT-PMP and UPnP-IGD.

export {
  gatewayOfProcNetRoute,
  gatewayOfRouteGet,
  gatewayOfRoutePrint,
} from './default-route.ts'
export { GATEWAY_PORT } from './gateway-codec.ts'
export { MAX_DOCUMENT_BYTES } from './igd.ts'
export type { IgdHttpRequest, IgdHttpResponse } from './igd-client.ts'
export { PortMapper, type PortMapperOptions, type PortMapperOutput } from './port-mapper.ts'
export type { MappingProtocol, PortMapping, ProtocolPhase, ProtocolReport } from './types.ts'
