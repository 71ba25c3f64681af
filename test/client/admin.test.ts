// What a client tells about itself over HTTP, and whom.

import { createServer } from 'node:http'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { openAdmin } from '../../lib/client/admin.ts'
import { createClient } from '../../lib/client/index.ts'
import { clientConfigFromValues } from '../../lib/config/index.ts'
import { silentLogger } from '../../lib/log.ts'

async function openClient(
  t: Test,
  webServer: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const setup = clientConfigFromValues({
    common: { serverAddr: '127.0.0.1', natHoleStunServer: '', webServer },
    proxies: [
      { name: 'web', type: 'tcp', localPort: 80, remotePort: 8080 },
      { name: '<b>', type: 'tcp', localPort: 81, remotePort: 8081 },
      { name: 'ssh', type: 'xtcp', localPort: 22, secretKey: 'open sesame' },
    ],
  })
  const client = createClient(setup)
  const admin = await openAdmin(client, { ...setup.config.webServer, port: 0 }, silentLogger)
  t.teardown(async () => {
    await admin.close()
    await client.close()
  })
  return `http://127.0.0.1:${admin.port}`
}

t.test('the status is frp\'s: rows by type, sorted by name', async t => {
  const base = await openClient(t)
  const answer = await fetch(`${base}/api/status`)
  t.equal(answer.headers.get('content-type'), 'application/json')
  const text = await answer.text()
  t.match(text, '"name":"\\u003cb\\u003e"', 'fit for a browser')
  const { tcp, xtcp } = JSON.parse(text) as Record<string, { name: string; status: string }[]>
  t.strictSame(tcp?.map(({ name }) => name), ['<b>', 'web'])
  t.strictSame(xtcp, [
    {
      name: 'ssh',
      type: 'xtcp',
      status: 'new',
      err: '',
      local_addr: '127.0.0.1:22',
      plugin: '',
      remote_addr: '',
    },
  ])
  t.notMatch(text, 'open sesame')
})

t.test('peers are told as a list', async t => {
  const base = await openClient(t)
  t.strictSame(await (await fetch(`${base}/api/peers`)).json(), { peers: [] })
})

t.test('with a password nothing but /healthz is told to who does not know it', async t => {
  const base = await openClient(t, { user: 'admin', password: 'secret' })
  const ask = async (path: string, password?: string): Promise<number> => {
    const authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`
    const headers = password === undefined ? {} : { authorization }
    return (await fetch(`${base}${path}`, { headers })).status
  }
  t.equal(await ask('/api/status'), 401)
  t.equal(await ask('/api/peers', 'Secret'), 401)
  t.equal(await ask('/api/peers', 'secret'), 200)
  t.equal(await ask('/healthz'), 200)
  t.equal(await ask('/nothing'), 404)
})

t.test('it only reads', async t => {
  const base = await openClient(t)
  t.equal((await fetch(`${base}/api/status`, { method: 'POST' })).status, 405)
})

t.test('a port that is taken is an error that names it', async t => {
  const other = createServer()
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const setup = clientConfigFromValues({
    common: { serverAddr: '127.0.0.1', webServer: { port } },
    proxies: [],
  })
  const client = createClient(setup)
  t.teardown(() => client.close())
  await t.rejects(openAdmin(client, setup.config.webServer, silentLogger), {
    code: 'ADDRESS_IN_USE',
    detail: `webServer 127.0.0.1:${port}: the port is taken`,
  })
})
