// The common keys of frpc, with frp's defaults and checks (frp-surface.md sections 3.5 to 3.7).

import { optionalValues, portCheck } from './checks.ts'
import type { Site } from './problems.ts'
import {
  authMethodKey,
  checkTokenSource,
  logKey,
  quicKey,
  scopesKey,
  sourceKey,
  tlsFiles,
  webServerKey,
} from './sections.ts'
import {
  flag,
  int,
  map,
  mapOf,
  object,
  oneOf,
  secret,
  text,
  texts,
  turned,
  type Key,
  type Table,
} from './schema.ts'
import type {
  ClientAuthConfig,
  ClientConfig,
  ClientOidcConfig,
  ClientProtocol,
  ClientTlsConfig,
  ClientTransportConfig,
} from './types.ts'

const PROTOCOLS = ['tcp', 'kcp', 'quic', 'websocket', 'wss'] as const
const WIRE_PROTOCOLS = ['v1', 'v2'] as const

const oidc: Key<ClientOidcConfig> = object<ClientOidcConfig>({
  clientID: text('', { ini: 'oidc_client_id' }),
  clientSecret: secret({ ini: 'oidc_client_secret' }),
  audience: text('', { ini: 'oidc_audience' }),
  scope: text('', { ini: 'oidc_scope' }),
  tokenEndpointURL: text('', { ini: 'oidc_token_endpoint_url' }),
  additionalEndpointParams: map({
    ini: section => Object.fromEntries(section.family('oidc_additional_')),
  }),
  trustedCaFile: text(''),
  insecureSkipVerify: flag(false),
  proxyURL: secret(),
  tokenSource: sourceKey('auth.oidc.tokenSource'),
})

const auth: Key<ClientAuthConfig> = object<ClientAuthConfig>(
  {
    method: authMethodKey,
    additionalScopes: scopesKey,
    token: secret({ ini: 'token' }),
    tokenSource: sourceKey('auth.tokenSource'),
    oidc,
  },
  {
    complete(config, site) {
      checkTokenSource(config, site)
      checkOidc(config, site.at('oidc'))
      return config
    },
  },
)

function checkOidc({ method, oidc: config }: ClientAuthConfig, site: Site): void {
  if (config.tokenSource !== undefined) {
    const { tokenSource: _, additionalEndpointParams, insecureSkipVerify, ...rest } = config
    const texts = Object.values(rest).map(value =>
      typeof value === 'string' ? value : value.reveal(),
    )
    const others = insecureSkipVerify || Object.keys(additionalEndpointParams).length > 0
    if (others || texts.some(value => value !== '')) {
      site.refuse('cannot specify both auth.oidc.tokenSource and any other field of auth.oidc')
    }
  } else if (method === 'oidc') {
    const problems = credentialProblems(config)
    if (problems.length > 0) site.refuse(problems.join('; '))
  }
}

function credentialProblems(config: ClientOidcConfig): string[] {
  const problems: string[] = []
  const { additionalEndpointParams: more } = config
  if (config.clientID === '') problems.push('auth.oidc.clientID is required')
  if (config.tokenEndpointURL === '') {
    problems.push('auth.oidc.tokenEndpointURL is required')
  } else if (!URL.canParse(config.tokenEndpointURL)) {
    problems.push('auth.oidc.tokenEndpointURL must be an absolute http or https URL')
  } else if (!/^https?:/.test(new URL(config.tokenEndpointURL).protocol)) {
    problems.push('auth.oidc.tokenEndpointURL must use http or https')
  }
  if (Object.hasOwn(more, 'scope')) {
    problems.push(
      'auth.oidc.additionalEndpointParams.scope is not allowed; use auth.oidc.scope instead',
    )
  }
  if (config.audience !== '' && Object.hasOwn(more, 'audience')) {
    problems.push(
      'cannot specify both auth.oidc.audience and auth.oidc.additionalEndpointParams.audience',
    )
  }
  return problems
}

const tls: Key<ClientTlsConfig> = object<ClientTlsConfig>(
  {
    ...tlsFiles,
    enable: flag(true, { ini: 'tls_enable' }),
    disableCustomTLSFirstByte: flag(true, { ini: 'disable_custom_tls_first_byte' }),
  },
  {
    complete(config, site) {
      for (const name of ['certFile', 'keyFile', 'trustedCaFile'] as const) {
        if (!config.enable && config[name] !== '') {
          site.at(name).warn(`transport.tls.${name} is invalid when transport.tls.enable is false`)
        }
      }
      return config
    },
  },
)

/** A missing key means 'auto'; the word itself is refused. */
const protocol: Key<ClientProtocol> = turned(
  text('', { ini: 'protocol' }),
  (word, site): ClientProtocol => {
    if (word === '') return 'auto'
    const known = PROTOCOLS.find(candidate => candidate === word)
    if (known === undefined) site.refuse(optionalValues('invalid transport.protocol', PROTOCOLS)())
    return known ?? 'auto'
  },
)

const transport: Key<ClientTransportConfig> = object<ClientTransportConfig>(
  {
    protocol,
    wireProtocol: oneOf(
      WIRE_PROTOCOLS,
      'v1',
      optionalValues('invalid transport.wireProtocol', WIRE_PROTOCOLS),
    ),
    dialServerTimeout: int(10, { ini: 'dial_server_timeout' }),
    dialServerKeepalive: int(7200, { ini: 'dial_server_keepalive' }),
    connectServerLocalIP: text('', { ini: 'connect_server_local_ip' }),
    proxyURL: secret({ ini: 'http_proxy' }),
    poolCount: int(1, { ini: 'pool_count' }),
    tcpMux: flag(true, { ini: 'tcp_mux' }),
    tcpMuxKeepaliveInterval: int(30, { ini: 'tcp_mux_keepalive_interval' }),
    heartbeatInterval: int(0, { ini: 'heartbeat_interval' }),
    heartbeatTimeout: int(0, { ini: 'heartbeat_timeout' }),
    quic: quicKey,
    tls,
  },
  {
    complete(written, site) {
      // With tcpMux the multiplexer's own keepalive finds a dead server.
      const { tcpMux } = written
      const heartbeatInterval = written.heartbeatInterval || (tcpMux ? -1 : 30)
      const heartbeatTimeout = written.heartbeatTimeout || (tcpMux ? -1 : 90)
      if (heartbeatTimeout > 0 && heartbeatInterval > 0 && heartbeatTimeout < heartbeatInterval) {
        site
          .at('heartbeatTimeout')
          .refuse(
            'invalid transport.heartbeatTimeout, heartbeat timeout should not less than heartbeat interval',
          )
      }
      return { ...written, heartbeatInterval, heartbeatTimeout }
    },
  },
)

export const clientTable: Table<ClientConfig> = {
  serverAddr: text('0.0.0.0', { ini: 'server_addr' }),
  serverPort: int(7000, { ini: 'server_port', check: portCheck('serverPort') }),
  user: text('', { ini: 'user' }),
  clientID: text(''),
  loginFailExit: flag(true, { ini: 'login_fail_exit' }),
  natHoleStunServer: text('stun.easyvoip.com:3478', { ini: 'nat_hole_stun_server' }),
  natPortMapping: flag(true),
  dnsServer: text('', { ini: 'dns_server' }),
  start: texts({ ini: 'start' }),
  includes: texts({ ini: 'includes' }),
  udpPacketSize: int(1500, { ini: 'udp_packet_size' }),
  metadatas: map({ ini: section => Object.fromEntries(section.family('meta_')) }),
  featureGates: mapOf(flag(false)),
  virtualNet: object({ address: text('') }),
  store: object({ path: text('') }),
  auth,
  transport,
  webServer: webServerKey({
    addr: 'admin_addr',
    port: 'admin_port',
    user: 'admin_user',
    password: 'admin_pwd',
  }),
  log: logKey,
}

export const clientKey: Key<ClientConfig> = object<ClientConfig>(clientTable, {
  // The caller decodes these two: their tables depend on `type`.
  ignored: ['version', 'proxies', 'visitors'],
  complete(config, site) {
    for (const gate of Object.keys(config.featureGates)) {
      if (gate !== 'VirtualNet') {
        site.at('featureGates').at(gate).refuse(`unrecognized feature gate: ${gate}`)
      }
    }
    if (config.virtualNet.address !== '' && config.featureGates['VirtualNet'] !== true) {
      site
        .at('virtualNet')
        .refuse(
          'VirtualNet feature is not enabled; enable it by setting the appropriate feature gate flag',
        )
    }
    return config
  },
})
