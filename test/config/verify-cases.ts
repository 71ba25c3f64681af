// What `verify` must say about small configurations. config.test.ts holds our reader to the table,
// and test/interop/config-oracle.test.ts holds the table to a real frp.

export interface VerifyCase {
  readonly side: 'frps' | 'frpc'
  /** File name; the extension matters for broken TOML only. */
  readonly file: string
  readonly text: string
  readonly accepts: boolean
  /** Words that both frp's message and ours contain. */
  readonly says?: readonly string[]
  /** Why frp decides otherwise; then only our reader is held to the line. */
  readonly differs?: string
  readonly isLenient?: boolean
}

type Extra = Pick<VerifyCase, 'differs' | 'isLenient'> & { readonly file?: string }

function good(side: 'frps' | 'frpc', text: string, extra: Extra = {}): VerifyCase {
  return { side, file: 'config', text, accepts: true, ...extra }
}

function bad(
  side: 'frps' | 'frpc',
  text: string,
  says: string | readonly string[],
  extra: Extra = {},
): VerifyCase {
  const words = typeof says === 'string' ? [says] : says
  return { side, file: 'config', text, accepts: false, says: words, ...extra }
}

function proxy(keys: string): string {
  return `[[proxies]]\nname = "x"\ntype = "tcp"\nlocalPort = 1\n${keys}\n`
}

function visitor(keys: string): string {
  return `[[visitors]]\nname = "x"\ntype = "stcp"\nserverName = "y"\nbindPort = 1\n${keys}\n`
}

const OWN_KEY = { differs: 'a key of ours' }

/** A template whose output becomes an unknown key, so that both programs repeat it. */
function rendered(template: string, output: string, extra: Extra = {}): VerifyCase {
  return bad('frps', `'${template}' = 1`, `unknown field "${output}"`, extra)
}

const formats: VerifyCase[] = [
  good('frps', ''),
  good('frps', ' \n\n'),
  good('frps', 'bindPort = 7001'),
  good('frps', '\tbindPort = 7001\n\n\t[transport]\n\ttcpMux = true\n'),
  good('frps', '\tbindPort = 7001\r\n\r\n\t[transport]\r\n\ttcpMux = true\r\n'),
  good('frps', 'bindPort: 7001\nauth:\n  token: abc\n'),
  good('frps', '{"bindPort": 7001, "auth": {"token": "abc"}}'),
  good('frps', '[common]\nbind_port = 7001\n'),
  good('frps', '[common]\nbind_port = 7001\n', { file: 'frps.toml' }),
  good('frps', '\ufeff[common]\nbind_port = 7001\n'),
  good('frps', '\ufeffbindPort = 7001\n', { differs: 'we tolerate a byte order mark' }),
  good('frps', 'bindport = 7001\nBINDADDR = "0.0.0.0"\nsubdomainHost = "a.b"'),
  good('frps', 'version = "1"\nbindPort = 1'),
  good('frpc', 'version = "1"'),
  good('frps', '{"bindPort": 7001} garbage'),
  bad('frps', '{"bindPort": 7001} garbage', "invalid character 'g' after top-level value", {
    isLenient: true,
  }),
  bad('frps', 'bindPort = = 1', 'toml: line 1, column', { file: 'x.toml' }),
  bad('frps', 'bindPort = 1\nbindPort = 2', 'toml: key bindPort is already defined', {
    file: 'x.toml',
  }),
  good('frps', '{"bindPort": 1, "bindPort": 2}'),
  good('frps', 'bindPort: 1\nbindPort: 2'),
  bad('frps', '{"bindPort": 1', 'unexpected', { file: 'x.json' }),
  bad('frps', 'a: b: c', 'error converting YAML to JSON: yaml: ', { file: 'x.yaml' }),
  bad('frps', 'just text', []),
  bad('frps', '[1, 2]', []),
  good('frps', '.shared: &x\n  tcpMux: false\ntransport:\n  <<: *x\n  maxPoolCount: 3\n'),
  good('frps', 'bindPort: null\nauth: null'),
  good('frpc', 'loginFailExit: no\n'),
  good('frpc', 'loginFailExit: off\n'),
  bad('frpc', 'user: on\n', 'cannot unmarshal bool into string'),
  good('frps', 'log.disablePrintColor = true\n[transport.tls]\nforce = false\n'),
]

const numbers: VerifyCase[] = [
  good('frps', 'bindPort = 7000.0', { file: 'x.toml' }),
  good('frps', 'bindPort: 7000.0'),
  bad('frps', '{"bindPort": 7000.0}', 'field "bindPort": cannot unmarshal number 7000.0 into int'),
  bad('frps', 'bindPort = 7000.5', 'field "bindPort": cannot unmarshal number 7000.5 into int'),
  bad('frps', 'bindPort: 7000.5', 'field "bindPort": cannot unmarshal number 7000.5 into int'),
  bad('frps', 'bindPort = "7000"', 'field "bindPort": cannot unmarshal string into int'),
  bad('frps', '{"bindPort": "7000"}', 'field "bindPort": cannot unmarshal string into int'),
  bad('frps', 'bindPort = true', 'field "bindPort": cannot unmarshal bool into int'),
  bad('frps', 'bindPort = [1]', 'field "bindPort": cannot unmarshal array into int'),
  bad('frps', 'bindPort = 99999999999999999999', [], { file: 'x.toml' }),
  bad('frps', '{"bindPort": 9999999999999999999999}', 'cannot unmarshal number 9999'),
  good('frps', 'userConnTimeout = 9007199254740991'),
  bad(
    'frps',
    'transport.tcpMux = "yes"',
    'field "transport.tcpMux": cannot unmarshal string into bool',
  ),
  bad('frps', 'auth:\n  token: 123456', 'field "auth.token": cannot unmarshal number into string'),
  bad('frps', 'log = 1', 'field "log": cannot unmarshal number'),
  bad('frps', 'allowPorts = 1', 'field "allowPorts": cannot unmarshal number'),
  bad('frpc', 'serverPort = "x"', 'serverPort": cannot unmarshal string into int'),
  bad('frpc', proxy('remotePort = "x"'), ['remotePort', 'cannot unmarshal string into']),
  bad('frps', 'bindPort = 70000', 'bindPort: port number 70000 must be in the range 0..65535'),
  bad('frps', 'bindPort = -1', 'bindPort: port number -1 must be in the range 0..65535'),
  bad(
    'frps',
    'kcpBindPort = 70000',
    'kcpBindPort: port number 70000 must be in the range 0..65535',
  ),
  bad('frps', 'quicBindPort = 70000', 'quicBindPort: port number 70000'),
  bad('frps', 'vhostHTTPPort = 70000', 'vhostHTTPPort: port number 70000'),
  bad('frps', 'vhostHTTPSPort = 70000', 'vhostHTTPSPort: port number 70000'),
  bad('frps', 'tcpmuxHTTPConnectPort = 70000', 'tcpMuxHTTPConnectPort: port number 70000'),
  bad('frps', 'webServer.port = 70000', 'webServer.port: port number 70000'),
  bad('frpc', 'serverPort = 70000', 'serverPort: port number 70000', {
    differs: 'frpc would fail at every dial',
  }),
]

const packets = (type: string, keys: string): string =>
  `[[visitors]]\nname = "x"\ntype = "${type}"\nserverName = "y"\nbindPort = 1\n${keys}\n`

/** A real frp knows none of these keys. */
const own: VerifyCase[] = [
  good('frps', 'udpMaxUsersPerProxy = 100\nudpMaxUsersPerIP = 65536', OWN_KEY),
  good('frps', '[common]\nudp_max_users_per_proxy = 100\nudp_max_users_per_ip = 10\n', OWN_KEY),
  good('frps', 'udpMaxUsersPerProxy = 0', OWN_KEY),
  good('frps', 'stunPort = 3478\nstunPublicAddr = "203.0.113.1"', OWN_KEY),
  good('frps', 'stunPort = -1\nstunOtherAddr = "2001:db8::1"', OWN_KEY),
  good('frps', '[common]\nstun_port = 3478\nstun_other_addr = 203.0.113.2\n', OWN_KEY),
  bad('frps', 'stunPort = 70000', 'stunPort: port number 70000', OWN_KEY),
  bad('frps', 'stunPort = -2', 'stunPort: port number -2', OWN_KEY),
  bad('frps', 'stunPublicAddr = "frps.example.com"', 'stunPublicAddr', OWN_KEY),
  bad('frps', 'stunOtherAddr = "eth1"', 'stunOtherAddr', OWN_KEY),
  bad('frps', 'udpMaxUsersPerProxy = -1', 'udpMaxUsersPerProxy', OWN_KEY),
  bad('frps', 'udpMaxUsersPerIP = 65537', 'udpMaxUsersPerIP', OWN_KEY),
  bad('frps', 'udpMaxUsersPerIP = "many"', 'cannot unmarshal string into int', OWN_KEY),
  bad('frpc', 'udpMaxUsersPerIP = 1', 'unknown field "udpMaxUsersPerIP"'),
  good('frpc', packets('sudp', 'transport.udpRedundancy = 2'), OWN_KEY),
  good('frpc', packets('sudp', 'transport.udpRedundancy = "auto"'), OWN_KEY),
  bad('frpc', packets('sudp', 'transport.udpRedundancy = 4'), 'udpRedundancy', OWN_KEY),
  bad('frpc', packets('stcp', 'transport.udpRedundancy = 1'), 'unknown field'),
  good('frpc', packets('stcp', 'transport.priority = "interactive"'), OWN_KEY),
  bad('frpc', packets('xtcp', 'transport.priority = "high"'), 'priority', OWN_KEY),
]

const unknown: VerifyCase[] = [
  bad('frps', 'nope = 1', 'unknown field "nope"'),
  good('frps', 'nope = 1', { isLenient: true }),
  bad('frps', 'transport.nope = 1', 'unknown field "nope"'),
  bad('frps', 'transport.tls.nope = 1', 'unknown field "nope"'),
  bad('frps', 'httpPlugins = [{name = "a", nope = 1}]', 'unknown field "nope"'),
  bad('frps', 'proxies = []', 'unknown field "proxies"'),
  bad('frpc', 'bindPort = 1', 'unknown field "bindPort"'),
  bad('frpc', proxy('bogus = 1'), 'unknown field "bogus"'),
  good('frpc', proxy('bogus = 1'), { isLenient: true }),
  bad('frpc', proxy('transport.bogus = 1'), 'unknown field "bogus"'),
  bad('frpc', proxy('secretKey = "x"'), 'unknown field "secretKey"'),
  bad('frpc', proxy('plugin = {type = "socks5", bogus = 1}'), 'unknown field "bogus"'),
  bad('frpc', visitor('bogus = 1'), 'unknown field "bogus"'),
  bad('frpc', visitor('protocol = "kcp"'), 'unknown field "protocol"'),
  bad('frpc', '[[proxies]]\nname = "x"\nenabled = false\ntype = "tcp"\nbogus = 1', 'unknown field'),
  bad('frps', 'bindPort: 1\nnope: {a: 1}', 'unknown field "nope"'),
  bad('frps', '{"nope": 1}', 'unknown field "nope"'),
  bad('frpc', '[[proxies]]\nname = "a"\ntype = "foo"', 'unknown proxy type: foo'),
  bad('frpc', '[[proxies]]\nname = "a"\ntype = "TCP"', 'unknown proxy type: TCP'),
  bad('frpc', '[[proxies]]\nname = "a"', 'unknown proxy type: '),
  bad('frpc', '[[visitors]]\nname = "a"\ntype = "tcp"', 'unknown visitor type: tcp'),
  bad('frpc', '[[visitors]]\nname = "a"', 'unknown visitor type: '),
  bad('frpc', '{"proxies": [null]}', 'type is required'),
  bad('frpc', '{"proxies": [1]}', 'cannot unmarshal'),
  bad('frpc', '{"proxies": {}}', 'proxies'),
  bad('frpc', proxy('plugin = {type = "foo"}'), 'unknown plugin type: foo'),
  bad('frpc', proxy('plugin = {localAddr = "a"}'), 'plugin type is empty'),
  bad('frpc', visitor('plugin = {type = "foo"}'), 'unknown visitor plugin type: foo'),
  bad('frpc', visitor('plugin = {destinationIP = "1.1.1.1"}'), 'visitor plugin type is empty'),
  bad('frpc', proxy('') + proxy(''), 'proxy name [x] is duplicated'),
  bad('frpc', visitor('') + visitor(''), 'visitor name [x] is duplicated'),
  bad('frpc', proxy('') + proxy('enabled = false'), 'proxy name [x] is duplicated'),
  good('frpc', proxy('') + visitor('')),
]

const checks: VerifyCase[] = [
  bad('frpc', '[[proxies]]\ntype = "tcp"', 'name should not be empty'),
  bad('frpc', '[[visitors]]\ntype = "stcp"\nserverName = "a"\nbindPort = 1', 'name is required'),
  bad('frpc', '[[visitors]]\nname = "a"\ntype = "stcp"\nbindPort = 1', 'server name is required'),
  bad('frpc', '[[visitors]]\nname = "a"\ntype = "stcp"\nserverName = "b"', 'bind port is required'),
  good('frpc', '[[visitors]]\nname = "a"\ntype = "stcp"\nserverName = "b"\nbindPort = -1'),
  bad(
    'frpc',
    '[[visitors]]\nname = "a"\ntype = "xtcp"\nserverName = "b"\nbindPort = 1\nprotocol = "tcp"',
    'protocol should be kcp or quic',
  ),
  bad(
    'frpc',
    'transport.protocol = "foo"',
    'invalid transport.protocol, optional values are [tcp kcp quic websocket wss]',
  ),
  bad('frpc', 'transport.protocol = "auto"', 'invalid transport.protocol'),
  bad(
    'frpc',
    'transport.wireProtocol = "v3"',
    'invalid transport.wireProtocol, optional values are [v1 v2]',
  ),
  bad(
    'frpc',
    'transport.heartbeatInterval = 30\ntransport.heartbeatTimeout = 10',
    'invalid transport.heartbeatTimeout, heartbeat timeout should not less than heartbeat interval',
  ),
  good('frpc', 'transport.heartbeatTimeout = 10'),
  bad(
    'frpc',
    'transport.tcpMux = false\ntransport.heartbeatTimeout = 10',
    'invalid transport.heartbeatTimeout',
  ),
  bad('frps', 'auth.method = "x"', 'invalid auth method, optional values are [token oidc]'),
  bad(
    'frps',
    'auth.additionalScopes = ["Pings"]',
    'invalid auth additional scopes, optional values are [HeartBeats NewWorkConns]',
  ),
  good('frps', 'auth.additionalScopes = ["HeartBeats", "NewWorkConns"]'),
  bad(
    'frps',
    'log.level = "loud"',
    'invalid log level, optional values are [trace debug info warn error]',
  ),
  bad('frps', 'webServer.tls = {}', 'tls.certFile must be specified when tls is enabled'),
  bad('frps', 'webServer.tls.certFile = "a"', 'tls.keyFile must be specified when tls is enabled'),
  bad(
    'frps',
    '[[httpPlugins]]\nname = "a"\nops = ["Bogus"]',
    'invalid http plugin ops, optional values are ' +
      '[Login NewProxy CloseProxy Ping NewWorkConn NewUserConn]',
  ),
  bad('frpc', proxy('annotations = {"a b" = "x"}'), 'annotation key a b is invalid'),
  good('frpc', proxy('annotations = {"example.com/Name" = "x"}')),
  bad('frpc', proxy('annotations = {"/x" = "x"}'), 'prefix part must be non-empty'),
  bad('frpc', proxy('annotations = {"a/b/c" = "x"}'), 'annotation key a/b/c is invalid'),
  bad(
    'frpc',
    proxy(`annotations = {a = "${'x'.repeat(262_144)}"}`),
    'annotations size 262145 is larger than limit 262144',
  ),
  good('frpc', proxy('transport.bandwidthLimit = "1.5MB"')),
  good('frpc', proxy('transport.bandwidthLimit = " 10KB "')),
  bad('frpc', proxy('transport.bandwidthLimit = "10GB"'), 'unit not support'),
  bad('frpc', proxy('transport.bandwidthLimit = "10mb"'), 'unit not support'),
  bad('frpc', proxy('transport.bandwidthLimit = "xMB"'), 'parsing "x": invalid syntax'),
  bad('frpc', proxy('transport.bandwidthLimit = "1 MB"'), 'invalid syntax'),
  bad('frpc', proxy('enabled = false\ntransport.bandwidthLimit = "1"'), 'unit not support'),
  bad(
    'frpc',
    proxy('transport.bandwidthLimitMode = "x"'),
    'bandwidth limit mode should be client or server',
  ),
  good('frpc', proxy('enabled = false\ntransport.bandwidthLimitMode = "x"')),
  good('frpc', `start = ["y"]\n${proxy('transport.bandwidthLimitMode = "x"')}`),
  bad(
    'frpc',
    proxy('transport.proxyProtocolVersion = "v3"'),
    'not support proxy protocol version: v3',
  ),
  bad('frpc', proxy('healthCheck.type = "udp"'), 'not support health check type: udp'),
  bad('frpc', proxy('healthCheck.type = "http"'), 'health check path should not be empty'),
  bad(
    'frpc',
    '[[proxies]]\nname = "x"\ntype = "tcp"\nlocalPort = 70000',
    'localPort: localPort: port number 70000 must be in the range 0..65535',
  ),
  good('frpc', '[[proxies]]\nname = "x"\ntype = "tcp"'),
  good('frpc', proxy('remotePort = 70000')),
  good('frpc', '[[proxies]]\nname = "x"\ntype = "tcp"\nlocalPort = 70000\nplugin.type = "socks5"'),
  bad('frpc', '[[proxies]]\nname = "x"\ntype = "http"', 'subdomain and custom domains should not'),
  bad('frpc', '[[proxies]]\nname = "x"\ntype = "https"', 'subdomain and custom domains should not'),
  bad(
    'frpc',
    '[[proxies]]\nname = "x"\ntype = "tcpmux"\nsubdomain = "a"',
    'not support multiplexer: ',
  ),
  bad(
    'frpc',
    '[[proxies]]\nname = "x"\ntype = "tcpmux"\nsubdomain = "a"\nmultiplexer = "y"',
    'not support multiplexer: y',
  ),
  ...['http2https', 'https2http', 'https2https', 'tls2raw'].map(type =>
    bad('frpc', proxy(`plugin.type = "${type}"`), `plugin ${type}: localAddr is required`),
  ),
  good('frpc', proxy('plugin.type = "http2http"')),
  bad('frpc', proxy('plugin.type = "static_file"'), 'plugin static_file: localPath is required'),
  bad(
    'frpc',
    proxy('plugin.type = "unix_domain_socket"'),
    'plugin unix_domain_socket: unixPath is required',
  ),
  bad('frpc', 'virtualNet.address = "100.86.0.2/24"', 'VirtualNet feature is not enabled'),
  bad('frpc', 'featureGates.Foo = true', 'unrecognized feature gate: Foo', {
    differs: 'frpc says this only when it runs',
  }),
]

const auth: VerifyCase[] = [
  bad(
    'frps',
    'auth.token = "a"\nauth.tokenSource = {type = "file", file = {path = "t"}}',
    'cannot specify both auth.token and auth.tokenSource',
  ),
  good('frps', 'auth.tokenSource = {type = "file", file = {path = "t"}}'),
  bad(
    'frps',
    'auth.tokenSource = {type = "file"}',
    "invalid auth.tokenSource: file configuration is required when type is 'file'",
  ),
  bad(
    'frpc',
    'auth.tokenSource = {type = "file", file = {}}',
    'invalid auth.tokenSource: file path cannot be empty',
  ),
  bad(
    'frps',
    'auth.tokenSource = {type = "exec", exec = {command = "x"}}',
    'unsafe feature "TokenSourceExec" is not enabled. To enable it, ensure it is allowed in the ' +
      'configuration or command line flags',
  ),
  bad(
    'frps',
    'auth.tokenSource = {type = "exec"}',
    "invalid auth.tokenSource: exec configuration is required when type is 'exec'",
  ),
  bad(
    'frps',
    'auth.tokenSource = {type = "exec", exec = {}}',
    'invalid auth.tokenSource: exec command cannot be empty',
  ),
  bad(
    'frps',
    'auth.tokenSource = {type = "exec", exec = {command = "x", env = [{value = "y"}]}}',
    'invalid auth.tokenSource: exec env name cannot be empty',
  ),
  bad(
    'frps',
    'auth.tokenSource = {type = "exec", exec = {command = "x", env = [{name = "a=b"}]}}',
    "invalid auth.tokenSource: exec env name cannot contain '='",
  ),
  bad(
    'frps',
    'auth.tokenSource = {type = "env"}',
    "unsupported value source type: env (only 'file' and 'exec' are supported)",
  ),
  bad('frpc', 'auth.method = "oidc"', [
    'auth.oidc.clientID is required',
    'auth.oidc.tokenEndpointURL is required',
  ]),
  bad(
    'frpc',
    'auth.method = "oidc"\nauth.oidc.clientID = "a"\nauth.oidc.tokenEndpointURL = "/x"',
    'auth.oidc.tokenEndpointURL must be an absolute http or https URL',
  ),
  bad(
    'frpc',
    'auth.method = "oidc"\nauth.oidc.clientID = "a"\nauth.oidc.tokenEndpointURL = "ftp://x/y"',
    'auth.oidc.tokenEndpointURL must use http or https',
  ),
  bad(
    'frpc',
    'auth.method = "oidc"\n[auth.oidc]\nclientID = "a"\ntokenEndpointURL = "http://x/y"\n' +
      'audience = "b"\nadditionalEndpointParams = {audience = "c", scope = "d"}',
    [
      'auth.oidc.additionalEndpointParams.scope is not allowed; use auth.oidc.scope instead',
      'cannot specify both auth.oidc.audience and auth.oidc.additionalEndpointParams.audience',
    ],
  ),
  bad(
    'frpc',
    '[auth.oidc]\nclientID = "a"\ntokenSource = {type = "file", file = {path = "t"}}',
    'cannot specify both auth.oidc.tokenSource and any other field of auth.oidc',
  ),
  bad(
    'frpc',
    'auth.oidc.tokenSource = {type = "file"}',
    'invalid auth.oidc.tokenSource: file configuration is required',
  ),
  good('frps', 'auth.method = "oidc"'),
]

const templates: VerifyCase[] = [
  rendered('{{ .Envs.QUICFRP_TEST }}', 'value'),
  rendered('a{{ .Envs.QUICFRP_MISSING }}b', 'a<no value>b'),
  rendered('a{{ index .Envs "QUICFRP_MISSING" }}b', 'ab'),
  rendered('{{ eq .Envs.QUICFRP_MISSING "" }}', 'false'),
  rendered('{{ printf "%s" .Envs.QUICFRP_MISSING }}', '%!s(<nil>)'),
  rendered('{{ printf "%v" .Envs.QUICFRP_MISSING }}', '<nil>'),
  rendered('{{ print .Envs.QUICFRP_MISSING "a" }}', '<nil>a'),
  rendered('{{ or .Envs.QUICFRP_MISSING "default" }}', 'default'),
  rendered('{{ with .Envs.QUICFRP_TEST }}{{ . }}!{{ end }}', 'value!'),
  rendered(
    '{{ range $k, $v := .Envs }}{{ if eq $k "QUICFRP_TEST" }}{{ $v }}{{ end }}{{ end }}',
    'value',
  ),
  bad('frps', '# {{ len .Envs.QUICFRP_MISSING }}', 'template: frp:1:'),
  rendered('{{ index .Envs "QUICFRP_TEST" }}', 'value'),
  rendered('a {{- "b" -}} c', 'abc'),
  rendered('a {{- /* note */ -}} c', 'ac'),
  rendered('a{{/* note */}}c', 'ac'),
  rendered('{{ if .Envs.QUICFRP_MISSING }}a{{ else }}b{{ end }}', 'b'),
  rendered('{{ if eq 1 2 }}a{{ else if eq 2 2 }}b{{ else }}c{{ end }}', 'b'),
  rendered(
    '{{ range $i, $v := parseNumberRange "5-7,9" }}{{ $i }}:{{ $v }} {{ end }}',
    '0:5 1:6 2:7 3:9 ',
  ),
  rendered('{{ range parseNumberRange "5-7" }}{{ . }}{{ end }}', '567'),
  rendered(
    '{{ range $v := parseNumberRangePair "1-2" "8,9" }}{{ $v.First }}/{{ .Second }} {{ end }}',
    '1/8 2/9 ',
  ),
  rendered('{{ with $x := "q" }}{{ $x }}{{ . }}{{ else }}n{{ end }}', 'qq'),
  rendered('{{ $a := 1 }}{{ if true }}{{ $a = 2 }}{{ end }}{{ $a }}', '2'),
  rendered('{{ $a := 1 }}{{ if true }}{{ $a := 2 }}{{ end }}{{ $a }}', '1'),
  rendered('{{ "a" | printf "%s-%s" "b" }}', 'b-a'),
  rendered(
    '{{ printf "%05d|%-4s|%4s|%x|%v|%t|%%" 42 "a" "b" 255 1 true }}',
    '00042|a   |   b|ff|1|true|%',
  ),
  rendered(
    '{{ printf "%d" "x" }}{{ printf "%s" 1 }}{{ printf "%d" }}',
    '%!d(string=x)%!s(int=1)%!d(MISSING)',
  ),
  rendered(
    '{{ printf "%.2f|%+d|%X|%o|%b|%8.3f" 1.5 7 255 8 5 2.5 }}',
    '1.50|+7|FF|10|101|   2.500',
  ),
  rendered('{{ println "a" 1 | len }}', '4'),
  rendered('{{ if not (eq "a" "b") }}y{{ end }}{{ if or (eq 1 2) (eq 1 1) }}z{{ end }}', 'yz'),
  rendered('{{ print 1 2 "a" "b" 3 }}', '1 2ab3'),
  rendered('{{ len "abc" }}{{ len (parseNumberRange "1-5") }}', '35'),
  rendered('{{ index (parseNumberRange "5-9") 2 }}', '7'),
  rendered('{{ (index (parseNumberRangePair "5-9" "1-5") 2).Second }}', '3'),
  rendered('{{ slice "abcdef" 1 3 }}', 'bc'),
  rendered('{{ and 1 0 2 }}{{ or 0 "" "x" }}{{ not 1 }}', '0xfalse'),
  rendered('{{ if and (ne 1 2) (lt 1 2) (le 2 2) (gt 2 1) (ge 2 2) }}y{{ end }}', 'y'),
  rendered('{{ eq 3 1 2 3 }}', 'true'),
  rendered(
    '{{ range $i := parseNumberRange "1-9" }}{{ if eq $i 4 }}{{ break }}{{ end }}{{ if eq $i 2 }}{{ continue }}{{ end }}{{ $i }}{{ end }}',
    '13',
  ),
  rendered('{{ range 3 }}{{ . }}{{ end }}', '012'),
  rendered(
    '{{ range parseNumberRange "1" }}{{ $.Envs.QUICFRP_TEST }}{{ else }}n{{ end }}',
    'value',
  ),
  rendered('{{"{{"}}x{{"}}"}}', '{{x}}'),
  rendered('{{ `raw` }}{{ "\\u0041\\x42\\103" }}', 'rawABC'),
  rendered('{{ printf "%c" 65 }}', 'A'),
  rendered('{{ parseNumberRange "1-3" }}', '[1 2 3]'),
  rendered('{{ parseNumberRangePair "1" "2" }}', '[{1 2}]'),
  rendered('{{ 1.5 }} {{ 0x10 }} {{ -3 }}', '1.5 16 -3'),
  rendered('{{ "a" | len | printf "%d" }}', '1'),
  bad('frps', '# {{ nope }}', 'template: frp:1: function "nope" not defined'),
  bad('frps', 'a = 1\n# {{ if true }}', 'unexpected EOF'),
  bad('frps', '# {{ .Envs', 'template: frp:1: unclosed action'),
  bad('frps', '# {{ end }}', 'template: frp:1: unexpected {{end}}'),
  bad('frps', '# {{ $x }}', 'undefined variable "$x"'),
  bad('frps', '# {{ .Foo }}', "can't evaluate field Foo in type *config.Values"),
  bad('frps', '# {{ if }}{{ end }}', 'missing value for if'),
  bad('frps', '# {{/* x }}', 'unclosed comment'),
  bad('frps', '# {{ "abc }}', 'unterminated quoted string'),
  bad(
    'frps',
    '\n# {{ parseNumberRange "x" }}',
    'template: frp:2:5: executing "frp" at <parseNumberRange "x">: error calling ' +
      'parseNumberRange: range number is invalid, strconv.ParseInt: parsing "x": invalid syntax',
  ),
  bad('frps', '# {{ parseNumberRange "3-1" }}', 'range number is invalid'),
  bad('frps', '# {{ parseNumberRange "1-2-3" }}', 'range number is invalid'),
  bad('frps', '# {{ parseNumberRange "" }}', 'parsing "": invalid syntax'),
  bad(
    'frps',
    '# {{ parseNumberRangePair "1-3" "1" }}',
    'first and second range numbers are not in pairs',
  ),
  bad('frps', '# {{ eq 1 "a" }}', 'incompatible types for comparison'),
  bad('frps', '# {{ index (parseNumberRange "1") 5 }}', 'index out of range: 5'),
  bad('frps', '[common]\n# {{ parseNumberRange "1" }}', 'function "parseNumberRange" not defined'),
]

function ini(sections: string): string {
  return `[common]\nserver_addr = x\n${sections}`
}

const legacy: VerifyCase[] = [
  good(
    'frpc',
    ini('[ssh]\ntype = tcp\nlocal_ip = 127.0.0.1\nlocal_port = 22\nremote_port = 6000\n'),
  ),
  good('frpc', ini('[ssh]\nlocal_port = 22\n')),
  good('frpc', ini('unknown = 1\n[x]\nfoo = bar\n[y]\nlocal_port =\n')),
  bad('frpc', ini('[y]\nlocal_port\n'), []),
  good('frpc', ini('server_port = 7000 # note\n')),
  bad('frpc', ini('[ssh]\ntype = bad\n'), 'failed to parse proxy ssh, err: invalid type [bad]'),
  bad('frpc', ini('[ssh]\nrole = x\n'), "proxy ssh role should be 'server' or 'visitor'"),
  bad(
    'frpc',
    ini('[ssh]\nrole = visitor\n'),
    "failed to parse visitor ssh, err: type shouldn't be empty",
  ),
  bad(
    'frpc',
    ini('[ssh]\nrole = visitor\ntype = tcp\n'),
    'failed to parse visitor ssh, err: type [tcp] error',
  ),
  good('frpc', ini('[v]\nrole = visitor\ntype = stcp\nserver_name = a\nbind_port = 1\nsk = b\n')),
  bad('frpc', ini('[v]\nrole = visitor\ntype = stcp\nbind_port = 1\n'), 'server name is required'),
  good('frpc', ini('[range:a]\nlocal_port = 1-3,5\nremote_port = 11-13,15\n')),
  bad(
    'frpc',
    ini('[range:a]\nlocal_port = 1\n'),
    'failed to render template for proxy range:a: local_port or remote_port is empty',
  ),
  bad(
    'frpc',
    ini('[range:a]\nlocal_port = 1-2\nremote_port = 1\n'),
    'local ports number should be same with remote ports number',
  ),
  bad(
    'frpc',
    ini('[range:a]\nlocal_port = 1-x\nremote_port = 1\n'),
    'range number is invalid, strconv.ParseInt: parsing "x": invalid syntax',
  ),
  bad('frpc', ini('[ssh]\nbandwidth_limit = 1\n'), 'unit not support'),
  bad('frpc', ini('[ssh]\nlocal_port = 70000\n'), 'port number 70000 must be in the range'),
  bad('frpc', ini('[a]\ntype = http\n'), 'subdomain and custom domains should not be both empty'),
  bad('frpc', ini('protocol = foo\n'), 'invalid', {}),
  bad('frpc', ini('heartbeat_interval = 30\nheartbeat_timeout = 10\n'), 'invalid'),
  good('frpc', ini('start = b\n[a]\ntype = bad\n[b]\nlocal_port = 1\n')),
  good('frpc', ini('[a]\nplugin = socks5\nplugin_user = x\n')),
  bad('frpc', ini('[a]\nplugin = tls2raw\n'), 'plugin [tls2raw] cannot be used in an INI file', {
    differs: 'frpc accepts it and crashes when the proxy starts',
  }),
  bad('frps', '[common]\nallow_ports = 1-x\n', 'allow_ports: range number is invalid', {
    differs: 'frps ignores the mistake and allows every port',
  }),
  good('frps', '[common]\nallow_ports = 2000-3000,3001\n[plugin.a]\naddr = x\nops = Login\n'),
  bad('frps', '[common]\n[plugin.a]\nops = Foo\n', 'invalid http plugin ops'),
  bad('frps', '[common]\nbind_port = 70000\n', 'bindPort: port number 70000'),
  good('frps', '[common]\nbind_port = x\ntcp_mux = maybe\n'),
  bad('frps', '[common\nbind_port = 1\n', []),
]

export const verifyCases: readonly VerifyCase[] = [
  ...formats,
  ...numbers,
  ...own,
  ...unknown,
  ...checks,
  ...auth,
  ...templates,
  ...legacy,
]
