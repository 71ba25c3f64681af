import { inspect } from 'node:util'
import t from 'tap'
import { parseClientConfig, parseServerConfig, Secret } from '../../lib/config/index.ts'
import { TunnelError } from '../../lib/errors.ts'
import { loadOptions, outcome } from './outcome.ts'

async function problems(side: 'frps' | 'frpc', text: string, file: string): Promise<string[]> {
  const parse = side === 'frps' ? parseServerConfig : parseClientConfig
  try {
    await parse(text, file, loadOptions)
  } catch (error) {
    if (error instanceof TunnelError) return error.detail.split('\n')
    throw error
  }
  return []
}

t.test('all problems are told at once, each with its line', async t => {
  const text = [
    'serverPort = "x"',
    'transport.tls.enble = false',
    '',
    '[[proxies]]',
    'name = "web"',
    'type = "tcp"',
    'remotport = 1',
    '[proxies.transport]',
    'bandwidthLimit = "1"',
    '[[proxies]]',
    'name = "game"',
    'type = "http"',
    'customDomains = ["example.com"]',
  ].join('\n')
  t.strictSame(await problems('frpc', text, 'frpc.toml'), [
    'frpc.toml:1: field "serverPort": cannot unmarshal string into int; a whole number is needed',
    'frpc.toml:2: unknown field "enble" in transport.tls; did you mean "enable"?',
    'frpc.toml:7: proxies[0] "web": unknown field "remotport"; did you mean "remotePort"?',
    'frpc.toml:9: proxies[0] "web": unit not support; write a number with KB or MB, such as 1.5MB',
    'frpc.toml:12: proxies[1] "game": type http is not available in this version of quicfrp yet',
  ])
})

t.test('lines are found in every format', async t => {
  const cases = [
    ['frpc.yaml', 'user: a\nproxies:\n  - name: x\n    type: tcp\n    bogus: 1\n', 5],
    ['frpc.json', '{\n"proxies": [\n{"name": "x", "type": "tcp",\n"bogus": 1}]}', 4],
    [
      'frpc.toml',
      'proxies = [\n {name = "x", type = "tcp"},\n { # }\nname = "y",\ntype = "tcp", bogus = 1 }]',
      5,
    ],
    [
      'frpc.toml',
      'metadatas.a = """\n]\n"""\n[[proxies]]\nname = "x"\ntype = "tcp"\n"bogus" = 1',
      7,
    ],
    ['frpc.toml', '# {{ if true }}\n# {{ end }}{{- range 2 }}\n{{ end }}\nbogus = 1', 4],
  ] as const
  for (const [file, text, line] of cases) {
    const [first] = await problems('frpc', text, file)
    t.match(first, new RegExp(`^${file}:${line}: .*unknown field "bogus"`), text)
  }
})

t.test('a line of a rendered template is the line of the template', async t => {
  const text = '{{ range 3 }}\n[[proxies]]\nname = "a{{ . }}"\ntype = "tcp"\nbogus = 1\n{{ end }}'
  for (const problem of await problems('frpc', text, 'frpc.toml')) {
    t.match(problem, /^frpc\.toml:5: proxies\[\d\] "a\d": unknown field "bogus"/)
  }
})

t.test('a key in the wrong place is told where it belongs', async t => {
  const proxy = '[[proxies]]\nname = "a"\ntype = "tcp"\n'
  const cases = [
    ['frpc', `${proxy}serverAddr = "x"`, /stands before the first \[\[proxies\]\]/],
    ['frpc', `${proxy}secretKey = "x"`, /"secretKey" is a key of type stcp, sudp, xtcp/],
    ['frpc', 'bindPort = 1', /"bindPort" belongs into the file of frps/],
    ['frps', 'serverAddr = "x"', /"serverAddr" belongs into the file of frpc/],
    ['frpc', 'remotePort = 1', /"remotePort" belongs into a \[\[proxies\]\] entry/],
    ['frpc', 'server_addr = "x"', /did you mean "serverAddr"\?/],
    ['frps', 'bnidPort = 1', /did you mean "bindPort"\?/],
  ] as const
  for (const [side, text, says] of cases) t.match((await problems(side, text, 'f'))[0], says)
})

t.test('without strict mode unknown keys are warnings', async t => {
  const options = { ...loadOptions, strict: false }
  const { warnings } = await parseServerConfig('\nbindPrt = 1', 'frps.toml', options)
  t.strictSame(warnings, [
    'frps.toml:2: unknown field "bindPrt"; did you mean "bindPort"? (ignored)',
  ])
})

t.test('an INI file named .toml is read with a warning', async t => {
  const { warnings } = await parseServerConfig('[common]\nbind_port = x', 'frps.toml', loadOptions)
  t.match(warnings.join('\n'), /legacy INI file, whatever its extension/)
  t.match(
    warnings.join('\n'),
    /frps\.toml:2: \[common\] bind_port is not a valid value; the default/,
  )
})

t.test('a variable without value is told', async t => {
  const text = 'user = "a"\nauth.token = "{{ .Envs.QUICFRP_NONE }}"'
  const { warnings } = await parseClientConfig(text, 'frpc.toml', loadOptions)
  t.match(warnings.join(), /^frpc\.toml:2: \{\{ \.Envs\.QUICFRP_NONE \}\} has no value/)
})

t.test('secrets are in no message and print as ***', async t => {
  const texts = [
    'auth.token = "hunter2"\nauth.tokn = "hunter2"',
    'auth.token = hunter2',
    'auth:\n  token: [hunter2]',
    '{"auth": {"token": {"a": "hunter2"}}}',
  ]
  for (const text of texts) {
    for (const file of ['frps', 'frps.toml', 'frps.yaml']) {
      t.notMatch((await outcome('frps', text, file)).refusal ?? '', /hunter2/, `${file}: ${text}`)
    }
  }
  const secret = new Secret('hunter2')
  for (const shown of [`${secret}`, JSON.stringify({ secret }), inspect({ secret }), secret + '']) {
    t.notMatch(shown, /hunter2/)
    t.match(shown, /\*\*\*/)
  }
  t.equal(secret.reveal(), 'hunter2')
})

t.test('no more than fifty problems are told, the rest is counted', async t => {
  const text = Array.from({ length: 60 }, (_, i) => `nope${i} = 1`).join('\n')
  const lines = await problems('frps', text, 'frps')
  t.equal(lines.length, 51)
  t.equal(lines[50], 'and 10 more')
})
