import t from 'tap'
import { ClientControl, type ControlOutput } from '../../lib/client/control.ts'
import type { Credentials } from '../../lib/client/login.ts'
import type { Message } from '../../lib/wire/messages.ts'

const OK: Message = { type: 'LoginResp', version: '0.70.1', run_id: 'r1', error: '' }

interface Choice {
  readonly proxies?: readonly string[]
  readonly heartbeat?: { intervalMs: number; timeoutMs: number }
  readonly pingCredentials?: () => Credentials
}

/** What a server of ours adds to LoginResp. */
const SERVER = {
  version: '1',
  features: [],
  stun_port: 0,
  stun_second_port: 0,
  stun_other_ip: '',
  stun_other_port: 0,
}

function machine(choice: Choice = {}): ClientControl {
  return new ClientControl(
    {
      login: { type: 'Login', version: 'x' },
      proxies: (choice.proxies ?? ['a', 'b']).map(proxy_name => ({ type: 'NewProxy', proxy_name })),
      heartbeat: choice.heartbeat ?? {},
      pingCredentials: choice.pingCredentials ?? (() => ({})),
    },
    0,
  )
}

function drain(control: ClientControl, now: number): ControlOutput[] {
  const outputs: ControlOutput[] = []
  for (;;) {
    const output = control.poll(now)
    if (!output) return outputs
    outputs.push(output)
  }
}

function running(choice: Choice = {}): ClientControl {
  const control = machine(choice)
  drain(control, 0)
  control.handleMessage(OK, 0)
  drain(control, 0)
  return control
}

const newProxy = (proxy_name: string): ControlOutput => ({
  type: 'send',
  message: { type: 'NewProxy', proxy_name },
})

t.test('Login goes out first and nothing else until it is answered', async t => {
  const control = machine()
  t.strictSame(drain(control, 0), [{ type: 'send', message: { type: 'Login', version: 'x' } }])
  t.strictSame(drain(control, 9_999), [])
})

t.test('after the login every proxy is registered without waiting for an answer', async t => {
  const control = machine()
  drain(control, 0)
  control.handleMessage(OK, 5)
  t.strictSame(drain(control, 5), [
    { type: 'logged-in', runId: 'r1', serverVersion: '0.70.1', features: [] },
    newProxy('a'),
    newProxy('b'),
  ])
})

t.test('the features of a server of ours are told', async t => {
  const control = machine({ proxies: [] })
  drain(control, 0)
  control.handleMessage({ ...OK, quicfrp: { ...SERVER, features: ['half-close'] } }, 5)
  t.match(drain(control, 5), [{ type: 'logged-in', features: ['half-close'] }])
})

t.test('the STUN ports of a server of ours are told', async t => {
  const other = { stun_other_ip: '198.51.100.2', stun_other_port: 7002 }
  const told = { ...SERVER, stun_port: 7000, stun_second_port: 7001, ...other }
  const control = machine({ proxies: [] })
  drain(control, 0)
  control.handleMessage({ ...OK, quicfrp: told }, 5)
  t.match(drain(control, 5), [
    { stun: { port: 7000, secondPort: 7001, other: { host: '198.51.100.2', port: 7002 } } },
  ])
})

t.test('a server that names no address as its other one has none', async t => {
  const told = { ...SERVER, stun_port: 7000, stun_other_ip: 'example.com', stun_other_port: 7002 }
  const control = machine({ proxies: [] })
  drain(control, 0)
  control.handleMessage({ ...OK, quicfrp: told }, 5)
  t.match(drain(control, 5), [{ stun: { port: 7000, secondPort: 0, other: undefined } }])
})

t.test('a refused login ends the control with the text of the server', async t => {
  const control = machine()
  drain(control, 0)
  control.handleMessage({ ...OK, error: 'no such\ntoken' }, 5)
  t.strictSame(drain(control, 5), [{ type: 'end', code: 'LOGIN_REFUSED', detail: 'no such token' }])
  t.equal(control.deadline(), undefined)
})

t.test('a server that does not answer the login is given up after 10 s', async t => {
  const control = machine()
  drain(control, 0)
  t.equal(control.deadline(), 10_000)
  t.match(drain(control, 10_000), [{ type: 'end', code: 'TIMED_OUT' }])
})

t.test('any other message before LoginResp ends the control', async t => {
  const control = machine()
  drain(control, 0)
  control.handleMessage({ type: 'ReqWorkConn' }, 5)
  t.match(drain(control, 5), [{ type: 'end', code: 'PROTOCOL_ERROR' }])
})

t.test('an endless run id ends the control', async t => {
  const control = machine()
  drain(control, 0)
  control.handleMessage({ ...OK, run_id: 'r'.repeat(300) }, 5)
  t.match(drain(control, 5), [{ type: 'end', code: 'PROTOCOL_ERROR' }])
})

t.test('answers may come in any order, and unknown names mean nothing', async t => {
  const control = running()
  const answer = { type: 'NewProxyResp', remote_addr: ':6000', error: '' } as const
  control.handleMessage({ ...answer, proxy_name: 'nobody' }, 1)
  control.handleMessage({ ...answer, proxy_name: 'b' }, 1)
  control.handleMessage({ ...answer, proxy_name: 'a', remote_addr: '', error: 'no' }, 1)
  t.strictSame(
    new Set(drain(control, 1)),
    new Set([
      { type: 'proxy-up', name: 'b', remoteAddr: ':6000' },
      { type: 'proxy-refused', name: 'a', error: 'no' },
    ]),
  )
})

t.test('each ReqWorkConn asks for one work stream', async t => {
  const control = running()
  control.handleMessage({ type: 'ReqWorkConn' }, 1)
  control.handleMessage({ type: 'ReqWorkConn' }, 1)
  t.strictSame(drain(control, 1), [{ type: 'open-work-stream' }, { type: 'open-work-stream' }])
})

t.test('known messages without a meaning here are dropped', async t => {
  const control = running()
  control.handleMessage(OK, 1)
  control.handleMessage({ type: 'CloseProxy', proxy_name: 'a' }, 1)
  control.handleMessage({ type: 'Ping', privilege_key: '', timestamp: 0 }, 1)
  t.strictSame(drain(control, 1), [])
})

t.test('the first ping follows the login and carries its keys', async t => {
  const control = machine({
    proxies: [],
    heartbeat: { intervalMs: 30_000, timeoutMs: 90_000 },
    pingCredentials: () => ({ privilege_key: 'k', timestamp: 7 }),
  })
  drain(control, 0)
  control.handleMessage(OK, 5)
  const ping = { type: 'send', message: { type: 'Ping', privilege_key: 'k', timestamp: 7 } }
  t.strictSame(drain(control, 5).slice(1), [ping])
})

t.test('a silent server is given up at the heartbeat timeout, and Pongs put it off', async t => {
  const control = running({ proxies: [], heartbeat: { intervalMs: 30_000, timeoutMs: 90_000 } })
  control.handleMessage({ type: 'Pong', error: '' }, 50_000)
  t.strictSame(drain(control, 139_999), [{ type: 'send', message: { type: 'Ping' } }])
  t.strictSame(drain(control, 140_000), [
    { type: 'end', code: 'TIMED_OUT', detail: 'heartbeat timeout' },
  ])
})

t.test('a Pong with an error ends the control', async t => {
  const control = running({ heartbeat: { intervalMs: 30_000, timeoutMs: 90_000 } })
  control.handleMessage({ type: 'Pong', error: 'bad key' }, 5)
  t.match(drain(control, 5), [{ type: 'end', code: 'AUTH_FAILED', detail: /bad key/ }])
})

t.test('withdrawing closes what the server knows', async t => {
  const control = running()
  control.handleMessage({ type: 'NewProxyResp', proxy_name: 'a', remote_addr: '', error: 'no' }, 1)
  drain(control, 1)
  control.withdraw()
  t.strictSame(drain(control, 2), [
    { type: 'send', message: { type: 'CloseProxy', proxy_name: 'b' } },
  ])
  t.equal(control.proxy('b')?.phase, 'closed')
})

t.test('after its end a control is deaf and has nothing to say', async t => {
  const control = running()
  control.handleMessage({ type: 'Pong', error: 'bad key' }, 5)
  drain(control, 5)
  control.handleMessage({ type: 'ReqWorkConn' }, 6)
  t.strictSame(drain(control, 1e9), [])
})
