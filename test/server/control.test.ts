import t from 'tap'
import { TunnelError } from '../../lib/errors.ts'
import {
  Control,
  type ControlConfig,
  type ControlOutput,
  type NameHolder,
} from '../../lib/server/control.ts'
import type { NewProxy } from '../../lib/wire/messages.ts'
import { newProxy } from './scripted-peer.ts'

const somebody = (): NameHolder => ({
  answers: () => Promise.resolve(true),
  close: () => {},
  closed: Promise.resolve(),
})
const foreigner = somebody()

function make(
  config: Partial<ControlConfig> = {},
  names: Map<string, NameHolder> = new Map(),
): Control {
  const all = {
    holder: somebody(),
    maxPortsPerClient: 0,
    heartbeatTimeoutMs: -1000,
    checkPing: () => {},
    errorForClient: (_summary: string, reason: string) => reason,
    ...config,
  }
  return new Control(all, names, 0)
}

function drain(control: Control, now = 0): ControlOutput[] {
  const outputs = []
  for (let output = control.poll(now); output !== undefined; output = control.poll(now)) {
    outputs.push(output)
  }
  return outputs
}

/** What it would write, in short. */
function sent(outputs: readonly ControlOutput[]): object[] {
  return outputs.flatMap(output => (output.type === 'send' ? [output.message] : []))
}

function types(outputs: readonly ControlOutput[]): string[] {
  return outputs.map(({ type }) => type)
}

/** Registers a proxy that starts without trouble. */
function register(control: Control, fields: Partial<NewProxy>): void {
  control.handleMessage(newProxy(fields), 0)
  control.handleStarted(':1')
  drain(control)
}

const closeProxy = (proxy_name: string): { type: 'CloseProxy'; proxy_name: string } => ({
  type: 'CloseProxy',
  proxy_name,
})
const ping = { type: 'Ping', privilege_key: '', timestamp: 0 } as const

t.test('a proxy is answered when it has started and not before', async t => {
  const control = make()
  control.handleMessage(newProxy({ proxy_name: 'ssh' }), 0)
  t.strictSame(types(drain(control)), ['start'])
  control.handleStarted(':6000')
  const outputs = drain(control)
  t.strictSame(types(outputs), ['started', 'send'])
  t.strictSame(sent(outputs), [
    { type: 'NewProxyResp', proxy_name: 'ssh', remote_addr: ':6000' },
  ])
})

t.test('a proxy that cannot start gives its name back', async t => {
  const names = new Map<string, NameHolder>()
  const control = make({}, names)
  control.handleMessage(newProxy({ proxy_name: 'ssh' }), 0)
  drain(control)
  control.handleRefused('port already used')
  t.strictSame(sent(drain(control)), [
    { type: 'NewProxyResp', proxy_name: 'ssh', error: 'port already used' },
  ])
  t.equal(names.size, 0)
})

t.test('without detailed errors the client reads only which proxy failed', async t => {
  const control = make({ errorForClient: summary => summary })
  control.handleMessage(newProxy({ proxy_name: 'ssh', proxy_type: 'gopher' }), 0)
  t.match(sent(drain(control)), [{ error: 'new proxy [ssh] error' }])
})

t.test('proxies start one after another, in order', async t => {
  const control = make()
  for (const name of ['a', 'b']) control.handleMessage(newProxy({ proxy_name: name }), 0)
  t.match(drain(control), [{ type: 'start', spec: { name: 'a' } }])
  control.handleStarted(':1')
  t.match(drain(control).at(-1), { type: 'start', spec: { name: 'b' } })
})

t.test('a name that is taken is refused, by this client or any other', async t => {
  const names = new Map([['foreign', foreigner]])
  const control = make({}, names)
  register(control, { proxy_name: 'own' })
  control.handleMessage(newProxy({ proxy_name: 'own' }), 0)
  t.match(sent(drain(control)), [{ error: 'proxy [own] already exists' }])
  control.handleMessage(newProxy({ proxy_name: 'foreign' }), 0)
  t.strictSame(drain(control), [{ type: 'contest', name: 'foreign', holder: foreigner }])
  control.handleContested()
  t.match(sent(drain(control)), [{ error: 'proxy [foreign] already exists' }])
  t.equal(names.get('foreign'), foreigner)
})

t.test('a name whose holder is gone is taken over, and others wait for it', async t => {
  const names = new Map([['foreign', foreigner]])
  const control = make({}, names)
  for (const name of ['foreign', 'next']) {
    control.handleMessage(newProxy({ proxy_name: name }), 0)
  }
  t.strictSame(types(drain(control)), ['contest'])
  names.delete('foreign')
  control.handleContested()
  t.match(drain(control), [{ type: 'start', spec: { name: 'foreign' } }])
  control.handleStarted(':1')
  t.match(drain(control).at(-1), { type: 'start', spec: { name: 'next' } })
})

t.test('a contest that ends after the client has gone takes nothing', async t => {
  const names = new Map([['foreign', foreigner]])
  const control = make({}, names)
  control.handleMessage(newProxy({ proxy_name: 'foreign' }), 0)
  control.close()
  names.delete('foreign')
  t.strictSame(types(drain(control)), ['contest'])
  control.handleContested()
  t.strictSame(types(drain(control)), ['finished'])
  t.equal(names.size, 0)
})

t.test('maxPortsPerClient counts what runs', async t => {
  const control = make({ maxPortsPerClient: 1 })
  register(control, { proxy_name: 'a' })
  control.handleMessage(newProxy({ proxy_name: 'b' }), 0)
  t.match(sent(drain(control)), [{ error: 'exceed the max_ports_per_client' }])
  control.handleMessage(closeProxy('a'), 0)
  drain(control)
  control.handleStopped()
  control.handleMessage(newProxy({ proxy_name: 'b' }), 0)
  t.strictSame(types(drain(control)), ['start'])
})

t.test('CloseProxy stops only a proxy of this client and is never answered', async t => {
  const names = new Map([['foreign', foreigner]])
  const control = make({}, names)
  register(control, { proxy_name: 'own' })
  control.handleMessage(closeProxy('foreign'), 0)
  control.handleMessage(closeProxy('unknown'), 0)
  t.strictSame(drain(control), [])
  control.handleMessage(closeProxy('own'), 0)
  t.strictSame(drain(control), [{ type: 'stop', name: 'own' }])
  t.ok(names.has('own'), 'the name is free only when the proxy is stopped')
  control.handleStopped()
  t.strictSame([...names.keys()], ['foreign'])
  t.strictSame(drain(control), [])
})

t.test('a close that comes while the proxy starts takes effect after', async t => {
  const control = make()
  control.handleMessage(newProxy({ proxy_name: 'a' }), 0)
  control.handleMessage(closeProxy('a'), 0)
  t.strictSame(types(drain(control)), ['start'])
  control.handleStarted(':1')
  t.strictSame(types(drain(control)), ['started', 'send', 'stop'])
})

t.test('pings are answered while a proxy starts', async t => {
  const control = make()
  control.handleMessage(newProxy({ proxy_name: 'a' }), 0)
  drain(control)
  control.handleMessage(ping, 0)
  t.strictSame(sent(drain(control)), [{ type: 'Pong' }])
})

t.test('a ping with a wrong key gets an error and keeps nobody alive', async t => {
  const control = make({
    heartbeatTimeoutMs: 90_000,
    checkPing: () => {
      throw new TunnelError('AUTH_FAILED', 'wrong')
    },
  })
  control.handleMessage(ping, 80_000)
  t.strictSame(sent(drain(control, 80_000)), [{ type: 'Pong', error: 'wrong' }])
  t.strictSame(drain(control, 90_000), [{ type: 'giveUp', reason: 'heartbeat timeout' }])
})

t.test('silence ends the control at the timeout, once', async t => {
  const control = make({ heartbeatTimeoutMs: 90_000 })
  control.handleMessage(ping, 1_000)
  drain(control, 1_000)
  t.equal(control.deadline(), 91_000)
  t.strictSame(drain(control, 90_999), [])
  t.strictSame(types(drain(control, 91_000)), ['giveUp'])
  t.strictSame(drain(control, 99_000), [])
})

t.test('without a timeout there is no deadline', async t => {
  t.equal(make().deadline(), undefined)
})

t.test('messages without a meaning here are dropped', async t => {
  const control = make()
  control.handleMessage({ type: 'ReqWorkConn' }, 0)
  control.handleMessage({ type: 'Pong', error: '' }, 0)
  control.handleMessage({ type: 'LoginResp', version: '', run_id: '', error: '' }, 0)
  t.strictSame(drain(control), [])
})

t.test('closing stops every proxy before it is finished', async t => {
  const names = new Map<string, NameHolder>()
  const control = make({}, names)
  register(control, { proxy_name: 'a' })
  register(control, { proxy_name: 'b' })
  control.close()
  t.strictSame(drain(control), [{ type: 'stop', name: 'a' }])
  control.handleStopped()
  t.strictSame(drain(control), [{ type: 'stop', name: 'b' }])
  control.handleStopped()
  t.strictSame(drain(control), [{ type: 'finished' }])
  t.equal(names.size, 0)
})

t.test('a proxy that was starting when the control closed is stopped too, unanswered', async t => {
  const control = make()
  control.handleMessage(newProxy({ proxy_name: 'a' }), 0)
  drain(control)
  control.close()
  t.strictSame(drain(control), [])
  control.handleStarted(':1')
  t.strictSame(drain(control), [{ type: 'stop', name: 'a' }])
  control.handleStopped()
  t.strictSame(types(drain(control)), ['finished'])
})

t.test('a flood of NewProxy makes the driver wait', async t => {
  const control = make()
  for (let i = 0; i <= 64; i++) control.handleMessage(newProxy({ proxy_name: `p${i}` }), 0)
  t.ok(control.isBusy)
  drain(control)
  control.handleStarted(':1')
  t.notOk(control.isBusy)
})

t.test('one client has a bounded number of proxies', async t => {
  const control = make()
  for (let i = 0; i < 4096; i++) register(control, { proxy_name: `p${i}` })
  control.handleMessage(newProxy({ proxy_name: 'more' }), 0)
  t.match(sent(drain(control)), [{ error: 'more than 4096 proxies of one client' }])
})
