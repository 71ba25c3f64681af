// What README and ARCHITECTURE show must be so: the example file is read, and every place that they
// name exists.

import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { parseClientConfig } from '../lib/config/index.ts'

const readme = readFileSync('README.md', 'utf8')

t.test('the example file is read as it stands', async t => {
  const text = /```ini\n(.*?)```/s.exec(readme)?.[1] ?? ''
  const options = { strict: true, env: {}, allowUnsafe: [] }
  const { config, proxies, warnings } = await parseClientConfig(text, 'frpc.ini', options)
  t.match(warnings, [/^ini format is deprecated/])
  t.match(config, { serverAddr: 'x.x.x.x', serverPort: 7000, transport: { protocol: 'auto' } })
  t.match(
    proxies.toSorted((a, b) => a.name.localeCompare(b.name)),
    [
      { name: 'http', type: 'tcp', localIP: '127.0.0.1', localPort: 80, remotePort: 6001 },
      { name: 'ssh', type: 'tcp', localIP: '127.0.0.1', localPort: 22, remotePort: 6000 },
    ],
  )
})

t.test('so is that of the game server', async t => {
  const text = /```toml\n(.*?)```/s.exec(readme.slice(readme.indexOf('### Host a game server')))?.[1] ?? ''
  const options = { strict: true, env: {}, allowUnsafe: [] }
  const { proxies, warnings } = await parseClientConfig(text, 'game.toml', options)
  t.strictSame(warnings, [])
  t.match(proxies, [{ name: 'game', type: 'udp', localPort: 27_015, remotePort: 27_015 }])
})

t.test('so are its files for a private service', async t => {
  const texts = [...readme.matchAll(/```toml\n(.*?)```/gs)].map(([, text]) => text ?? '')
  t.ok(texts.length >= 2)
  const options = { strict: true, env: {}, allowUnsafe: [] }
  for (const text of texts) {
    const { warnings } = await parseClientConfig(text, 'frpc.toml', options)
    t.strictSame(warnings, [])
  }
})

t.test('every file and folder that it names exists', async t => {
  const named = [...readme.matchAll(/`((?:cli|lib|bench|nat)\/[\w./-]*)`/g)].map(([, path]) => path)
  t.ok(named.length > 10)
  for (const path of named) t.ok(existsSync(path ?? ''), path ?? '')
})

t.test('so does every file that ARCHITECTURE.md names, from the top or from lib', async t => {
  const text = readFileSync('ARCHITECTURE.md', 'utf8')
  const named = [...text.matchAll(/`([\w-]+\/[\w./-]+\.ts)`/g)].map(([, path]) => path ?? '')
  t.ok(named.length > 20)
  for (const path of named) t.ok(existsSync(path) || existsSync(`lib/${path}`), path)
})
