// Every flag of frps and frpc: names, kinds, defaults, help (frp-surface.md §1.2-1.4). Data only:
// argv.ts reads the syntax by it, program.ts shows it in the help, options.ts turns the values into
// configuration.

/**
 * `bool` never takes the next word, all others do; `list` and `map` may be repeated or comma
 * separated.
 */
export type FlagKind = 'string' | 'int' | 'bool' | 'list' | 'map' | 'ranges'

export interface Flag {
  /** Dash form; `_` and `-` mean the same on the command line. */
  readonly name: string
  readonly short?: string
  readonly kind: FlagKind
  readonly initial?: string | number | boolean
  readonly help: string
}

const START_FLAGS: readonly Flag[] = [
  { name: 'version', short: 'v', kind: 'bool', help: 'print the version' },
  { name: 'help', short: 'h', kind: 'bool', help: 'print this help' },
  {
    name: 'strict-config',
    kind: 'bool',
    initial: true,
    help: 'unknown keys in the config file are errors',
  },
  {
    name: 'allow-unsafe',
    kind: 'list',
    help: 'unsafe features to allow; the only one is TokenSourceExec',
  },
  { name: 'log-json', kind: 'bool', help: 'write logs as JSON lines (or QUICFRP_LOG_JSON=1)' },
]

const LOG_FLAGS: readonly Flag[] = [
  { name: 'log-file', kind: 'string', initial: 'console', help: 'console or a file' },
  {
    name: 'log-level',
    kind: 'string',
    initial: 'info',
    help: 'trace, debug, info, warn or error',
  },
  { name: 'log-max-days', kind: 'int', initial: 3, help: 'days to keep rotated log files' },
  { name: 'disable-log-color', kind: 'bool', initial: false, help: 'no colours on a terminal' },
]

/** frps: all of them may stand before or after the subcommand. */
export const SERVER_FLAGS: readonly Flag[] = [
  { name: 'config', short: 'c', kind: 'string', initial: '', help: 'config file of frps' },
  ...START_FLAGS,
  { name: 'bind-addr', kind: 'string', initial: '0.0.0.0', help: 'address for clients' },
  {
    name: 'bind-port',
    short: 'p',
    kind: 'int',
    initial: 7000,
    help: 'port for clients: TCP, and UDP for QUIC unless quic-bind-port moves that',
  },
  { name: 'kcp-bind-port', kind: 'int', initial: 0, help: 'UDP port of KCP' },
  { name: 'quic-bind-port', kind: 'int', initial: 0, help: 'UDP port of QUIC (0: bind-port)' },
  { name: 'proxy-bind-addr', kind: 'string', initial: '0.0.0.0', help: 'address for users' },
  { name: 'vhost-http-port', kind: 'int', initial: 0, help: 'port for http proxies' },
  { name: 'vhost-https-port', kind: 'int', initial: 0, help: 'port for https proxies' },
  {
    name: 'vhost-http-timeout',
    kind: 'int',
    initial: 60,
    help: 'seconds to wait for the response headers of a service',
  },
  { name: 'dashboard-addr', kind: 'string', initial: '0.0.0.0', help: 'dashboard address' },
  { name: 'dashboard-port', kind: 'int', initial: 0, help: 'dashboard port (0: off)' },
  { name: 'dashboard-user', kind: 'string', initial: 'admin', help: 'dashboard user' },
  { name: 'dashboard-pwd', kind: 'string', initial: 'admin', help: 'dashboard password' },
  { name: 'dashboard-tls-mode', kind: 'bool', initial: false, help: 'dashboard over HTTPS' },
  { name: 'dashboard-tls-cert-file', kind: 'string', initial: '', help: 'its certificate' },
  { name: 'dashboard-tls-key-file', kind: 'string', initial: '', help: 'its key' },
  { name: 'enable-prometheus', kind: 'bool', initial: false, help: '/metrics on the dashboard' },
  ...LOG_FLAGS,
  { name: 'token', short: 't', kind: 'string', initial: '', help: 'secret shared with clients' },
  { name: 'subdomain-host', kind: 'string', initial: '', help: 'parent domain of subdomains' },
  { name: 'allow-ports', kind: 'ranges', help: 'ports for proxies, 1000-2000,3000' },
  { name: 'max-ports-per-client', kind: 'int', initial: 0, help: '0: no limit' },
  { name: 'tls-only', kind: 'bool', initial: false, help: 'refuse clients without TLS' },
]

/** frpc: valid for every subcommand. */
export const CLIENT_FLAGS: readonly Flag[] = [
  {
    name: 'config',
    short: 'c',
    kind: 'string',
    initial: './frpc.ini',
    help: 'config file of frpc',
  },
  {
    name: 'config-dir',
    kind: 'string',
    initial: '',
    help: 'run one client for each file below this folder',
  },
  ...START_FLAGS,
]

/** Of a client that runs without a file. */
const SERVER_AND_LOG_FLAGS: readonly Flag[] = [
  { name: 'server-addr', short: 's', kind: 'string', initial: '127.0.0.1', help: 'where frps is' },
  { name: 'server-port', short: 'P', kind: 'int', initial: 7000, help: 'its bind port' },
  {
    name: 'protocol',
    short: 'p',
    kind: 'string',
    help: 'tcp or quic (not given: QUIC first, TCP where that fails)',
  },
  ...LOG_FLAGS,
  { name: 'tls-server-name', kind: 'string', initial: '', help: 'name in the certificate' },
  { name: 'tls-enable', kind: 'bool', initial: true, help: 'TLS towards frps' },
  { name: 'dns-server', kind: 'string', initial: '', help: 'resolver to use' },
  { name: 'user', short: 'u', kind: 'string', initial: '', help: 'prefix of proxy names' },
  { name: 'client-id', kind: 'string', initial: '', help: 'stable identifier of this client' },
  { name: 'token', short: 't', kind: 'string', initial: '', help: 'secret shared with frps' },
]

const PROXY_FLAGS: readonly Flag[] = [
  ...SERVER_AND_LOG_FLAGS,
  { name: 'proxy-name', short: 'n', kind: 'string', initial: '', help: 'name of the proxy' },
  { name: 'metadatas', kind: 'map', help: 'key=value,key2=value2' },
  { name: 'annotations', kind: 'map', help: 'key=value,key2=value2' },
  { name: 'local-ip', short: 'i', kind: 'string', initial: '127.0.0.1', help: 'local service' },
  { name: 'local-port', short: 'l', kind: 'int', initial: 0, help: 'its port' },
  { name: 'ue', kind: 'bool', initial: false, help: 'encrypt once more inside the transport' },
  { name: 'uc', kind: 'bool', initial: false, help: 'compress' },
  { name: 'bandwidth-limit', kind: 'string', initial: '', help: 'such as 100KB or 1MB' },
  { name: 'bandwidth-limit-mode', kind: 'string', initial: 'client', help: 'client or server' },
]

/** `frpc tcp` and `frpc udp`, besides CLIENT_FLAGS. */
export const TCP_FLAGS: readonly Flag[] = [
  ...PROXY_FLAGS,
  { name: 'remote-port', short: 'r', kind: 'int', initial: 0, help: 'public port (0: any)' },
]

/** `frpc stcp` and `frpc sudp`. */
export const SECRET_FLAGS: readonly Flag[] = [
  ...PROXY_FLAGS,
  { name: 'sk', kind: 'string', initial: '', help: 'secret shared with the visitors' },
  { name: 'allow-users', kind: 'list', help: 'users of visitors (none: your own user, *: all)' },
]

/** `frpc stcp visitor` and `frpc sudp visitor`. */
export const VISITOR_FLAGS: readonly Flag[] = [
  ...SERVER_AND_LOG_FLAGS,
  { name: 'visitor-name', short: 'n', kind: 'string', initial: '', help: 'name of the visitor' },
  { name: 'sk', kind: 'string', initial: '', help: 'secret of the proxy' },
  { name: 'server-name', kind: 'string', initial: '', help: 'name of the proxy' },
  { name: 'server-user', kind: 'string', initial: '', help: 'its user (none: your own)' },
  { name: 'bind-addr', kind: 'string', initial: '', help: 'local address (none: 127.0.0.1)' },
  { name: 'bind-port', kind: 'int', initial: 0, help: 'local port to open' },
  { name: 'ue', kind: 'bool', initial: false, help: 'encrypt towards a real frps' },
  { name: 'uc', kind: 'bool', initial: false, help: 'compress' },
]

/** `frpc bench`, besides CLIENT_FLAGS. */
export const BENCH_FLAGS: readonly Flag[] = [
  {
    name: 'emulate',
    kind: 'string',
    help: 'a link made here: delay=40ms,loss=2%,rate=50m or 4g, cable, … (--list); Linux, root',
  },
  {
    name: 'scenarios',
    kind: 'list',
    help: 'what is measured: bulk, keystroke, … (--list; default: all that suit the place)',
  },
  { name: 'transports', kind: 'list', help: 'quic, tcp, kcp, direct (default: all there are)' },
  {
    name: 'peer',
    kind: 'list',
    help: "beside ours: a folder with a real frps and frpc, or rathole's file",
  },
  { name: 'rounds', kind: 'int', help: 'runs of everything (default 3, as far as 2 minutes allow)' },
  { name: 'seconds', kind: 'string', help: 'how long one figure is measured (default 2 on a link, else 3)' },
  { name: 'quick', kind: 'bool', initial: false, help: 'one round of one second' },
  { name: 'json', kind: 'string', help: 'write the whole report to this file (-: stdout)' },
  { name: 'html', kind: 'string', help: 'write the report as a page to this file' },
  { name: 'list', kind: 'bool', initial: false, help: 'print scenarios and links' },
]

const STUN_FLAGS: readonly Flag[] = [
  {
    name: 'nat-hole-stun-server',
    kind: 'string',
    help: 'STUN servers to ask, host:port, separated by commas',
  },
  {
    name: 'nat-hole-local-addr',
    short: 'l',
    kind: 'string',
    help: 'address and port to ask from, such as 0.0.0.0:40000',
  },
  { name: 'json', kind: 'bool', initial: false, help: 'print everything as JSON' },
]

/** `frpc nathole discover`, besides CLIENT_FLAGS. */
export const NATHOLE_FLAGS: readonly Flag[] = STUN_FLAGS

/** `frpc doctor`, besides CLIENT_FLAGS. */
export const DOCTOR_FLAGS: readonly Flag[] = [
  { name: 'server-addr', short: 's', kind: 'string', help: 'where frps is' },
  { name: 'server-port', short: 'P', kind: 'int', help: 'its bind port (default 7000)' },
  { name: 'token', short: 't', kind: 'string', help: 'secret shared with frps' },
  ...STUN_FLAGS,
]

/** `-p, --bind-port`: how messages name a flag. */
export function flagTerm({ name, short }: Flag): string {
  return short ? `-${short}, --${name}` : `--${name}`
}
