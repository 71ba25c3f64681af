import t from 'tap'
import type { ServerConfig } from '../../lib/config/index.ts'
import { acceptLogin, checkPing, checkWorkConn, errorForClient } from '../../lib/server/login.ts'
import { authKey } from '../../lib/wire/auth.ts'
import type { Login } from '../../lib/wire/messages.ts'
import { configOf, TOKEN } from './scripted-peer.ts'

const config = configOf()

function login(fields: Partial<Login> = {}): Login {
  return {
    type: 'Login',
    version: '0.70.1',
    hostname: 'box',
    os: 'linux',
    arch: 'amd64',
    user: '',
    privilege_key: authKey(TOKEN, 5),
    timestamp: 5,
    run_id: '',
    client_id: '',
    metas: {},
    client_spec: { type: '', always_auth_pass: false },
    pool_count: 1,
    ...fields,
  }
}

t.test('the right token is accepted, whatever its timestamp', async t => {
  const accepted = acceptLogin(login({ metas: { a: 'b' } }), config)
  t.match(accepted, { runId: '', version: '0.70.1', os: 'linux', metadatas: { a: 'b' } })
  t.equal(accepted.extension, undefined)
})

t.test('a wrong token is refused in the words of frp and without the token', async t => {
  t.throws(() => acceptLogin(login({ privilege_key: authKey('other', 5) }), config), {
    code: 'AUTH_FAILED',
    message: "token in login doesn't match token from configuration [AUTH_FAILED]",
  })
  t.throws(() => acceptLogin(login({ privilege_key: '' }), config), { code: 'AUTH_FAILED' })
  t.throws(() => acceptLogin(login({ timestamp: 6 }), config), { code: 'AUTH_FAILED' })
})

t.test('pool_count is clamped into 0 to maxPoolCount', async t => {
  const counts = [-1, -2_147_483_648, 0, 3, 5, 6, 9_007_199_254_740_991]
  t.strictSame(
    counts.map(pool_count => acceptLogin(login({ pool_count }), config).poolCount),
    [0, 0, 0, 3, 5, 5, 5],
  )
})

t.test('a run id that no server gives is refused', async t => {
  for (const run_id of ['a'.repeat(65), 'a b', 'a\n', '../x', '[x]']) {
    t.throws(() => acceptLogin(login({ run_id }), config), { code: 'LOGIN_REFUSED' }, run_id)
  }
  t.equal(acceptLogin(login({ run_id: '0123456789abcdef' }), config).runId, '0123456789abcdef')
})

t.test('names that would break our log are refused', async t => {
  for (const fields of [{ user: 'a\nb' }, { hostname: '\u001b[31m' }, { os: 'x'.repeat(257) }]) {
    t.throws(() => acceptLogin(login(fields), config), { code: 'LOGIN_REFUSED' })
  }
})

t.test('of an extension only a bounded part is kept', async t => {
  const features = Array.from({ length: 100 }, (_, i) => `f${i}`)
  const quicfrp = { version: 'v'.repeat(1000), features }
  const { extension } = acceptLogin(login({ quicfrp }), config)
  t.equal(extension?.version.length, 256)
  t.equal(extension?.features.length, 32)
})

t.test('pings and work streams are checked where the scope says so, and only there', async t => {
  const scoped: ServerConfig = {
    ...config,
    auth: { ...config.auth, additionalScopes: ['HeartBeats', 'NewWorkConns'] },
  }
  const wrong = { privilege_key: 'x', timestamp: 5 }
  const right = { privilege_key: authKey(TOKEN, 5), timestamp: 5 }
  t.doesNotThrow(() => checkPing({ type: 'Ping', ...wrong }, config))
  t.doesNotThrow(() => checkPing({ type: 'Ping', ...right }, scoped))
  t.throws(() => checkPing({ type: 'Ping', ...wrong }, scoped), /token in heartbeat doesn't match/)
  t.doesNotThrow(() => checkWorkConn({ type: 'NewWorkConn', run_id: 'r', ...wrong }, config))
  t.doesNotThrow(() => checkWorkConn({ type: 'NewWorkConn', run_id: 'r', ...right }, scoped))
  t.throws(
    () => checkWorkConn({ type: 'NewWorkConn', run_id: 'r', ...wrong }, scoped),
    /token in NewWorkConn doesn't match/,
  )
})

t.test('without detailedErrorsToClient a client reads only the summary', async t => {
  t.equal(errorForClient('sum', 'reason', config), 'reason')
  t.equal(errorForClient('sum', 'reason', { ...config, detailedErrorsToClient: false }), 'sum')
})
