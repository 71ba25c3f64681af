import t from 'tap'
import { outcome } from './outcome.ts'

/**
 * Far above what any of these takes, far below what the unbounded versions took (minutes, or the
 * whole memory).
 */
const LIMIT_MS = 10_000

function many(count: number, make: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => make(i)).join('')
}

const refused: readonly (readonly [title: string, text: string, file?: string])[] = [
  ['a file of 5 MB', 'a'.repeat(5_000_000)],
  ['a million brackets', `a = ${'['.repeat(1_000_000)}`],
  ['a million brackets in YAML', `a: ${'['.repeat(1_000_000)}`, 'x.yaml'],
  ['deep JSON', '{"a":'.repeat(500_000)],
  ['deep YAML lists', `a:\n ${'- '.repeat(1_000_000)}`, 'x.yaml'],
  ['nested YAML keys on a line', 'a: '.repeat(1_000_000), 'x.yaml'],
  ['a million YAML anchors', '&a '.repeat(1_000_000), 'x.yaml'],
  [
    'YAML aliases that multiply',
    `a: &a [x,x,x,x,x,x,x,x,x]\n${many(9, i => {
      const [from, to] = [String.fromCharCode(97 + i), String.fromCharCode(98 + i)]
      return `${to}: &${to} [${Array(9).fill(`*${from}`).join(',')}]\n`
    })}`,
    'x.yaml',
  ],
  ['deep template blocks', '{{ if true }}'.repeat(100_000)],
  ['a range over a range', '{{ range 1000000 }}{{ range 1000000 }}{{ end }}{{ end }}'],
  [
    'ranges made in a range',
    '{{ range parseNumberRange "1-60000" }}{{ range parseNumberRange "1-60000" }}{{ end }}{{ end }}',
  ],
  ['a range of all numbers', '{{ range parseNumberRange "1-9999999999" }}{{ end }}'],
  ['a text that doubles itself', `{{ $a := "aaaaaaaa" }}${'{{ $a = print $a $a }}'.repeat(40)}`],
  ['much output', `{{ range 1000000 }}${'x'.repeat(1000)}{{ end }}`],
  ['50,000 unknown keys', many(50_000, i => `key_number_${i} = 1\n`)],
  [
    'a million proxies from INI ranges',
    `[common]\n${many(20, i => `[range:r${i}]\nlocal_port = 1-60000\nremote_port = 1-60000\n`)}`,
  ],
]

t.test('deep, long and self-multiplying inputs are refused in bounded time', async t => {
  for (const [title, text, file = 'frpc'] of refused) {
    const start = performance.now()
    const { refusal } = await outcome('frpc', text, file)
    t.match(refusal, /CONFIG_INVALID/, title)
    t.ok(performance.now() - start < LIMIT_MS, `${title} within the limit`)
  }
})

t.test('5,000 proxies load in every format', async t => {
  const texts = {
    toml: many(5000, i => `[[proxies]]\nname = "p${i}"\ntype = "tcp"\n`),
    yaml: `proxies:\n${many(5000, i => `- name: p${i}\n  type: tcp\n`)}`,
    json: JSON.stringify({
      proxies: Array.from({ length: 5000 }, (_, i) => ({ name: `p${i}`, type: 'tcp' })),
    }),
    ini: `[common]\n${many(5000, i => `[p${i}]\ntype = tcp\n`)}`,
  }
  for (const [file, text] of Object.entries(texts)) {
    t.equal((await outcome('frpc', text, file)).refusal, undefined, file)
  }
})

t.test('texts cut off anywhere are accepted or refused, never more', async t => {
  const text =
    'user = "a{{ if true }}b{{ end }}"\n[transport]\ntls = { enable = true }\n[[proxies]]\nname = \'x\'\n'
  const json = '{"user": "a\\n", "proxies": [{"name": "x", "type": "tcp"}], "loginFailExit": null}'
  for (const whole of [text, json, '[common]\nuser = "a"\n[range:x]\nlocal_port = 1-2\n']) {
    for (let end = 0; end < whole.length; end++) {
      await outcome('frpc', whole.slice(0, end), 'frpc')
      await outcome('frpc', whole.slice(end), 'frpc')
    }
  }
  t.pass('no other error came out')
})
