import t from 'tap'
import { ProxyState, type ProxyStateOutput } from '../../lib/client/proxy-state.ts'

const GOOD = { remoteAddr: ':6000', error: '' }
const BAD = { remoteAddr: '', error: 'port already used' }

function drain(proxy: ProxyState, now: number): ProxyStateOutput[] {
  const outputs: ProxyStateOutput[] = []
  for (;;) {
    const output = proxy.poll(now)
    if (!output) return outputs
    outputs.push(output)
  }
}

function started(now: number): ProxyState {
  const proxy = new ProxyState(now)
  drain(proxy, now)
  return proxy
}

t.test('a new proxy registers at once and runs when the server agrees', async t => {
  const proxy = new ProxyState(7)
  t.equal(proxy.phase, 'new')
  t.strictSame(drain(proxy, 7), [{ type: 'register' }])
  t.equal(proxy.phase, 'wait start')
  proxy.handleAnswer(GOOD, 10)
  t.strictSame(drain(proxy, 10), [{ type: 'up', remoteAddr: ':6000' }])
  t.equal(proxy.phase, 'running')
  t.equal(proxy.remoteAddr, ':6000')
  t.equal(proxy.deadline(), undefined)
})

t.test('registration is repeated after 20 s without an answer', async t => {
  const proxy = started(0)
  t.equal(proxy.deadline(), 20_000)
  t.strictSame(drain(proxy, 19_999), [])
  t.strictSame(drain(proxy, 20_000), [{ type: 'register' }])
})

t.test('a refusal is kept with its reason and tried again after 30 s', async t => {
  const proxy = started(0)
  proxy.handleAnswer(BAD, 100)
  t.strictSame(drain(proxy, 100), [{ type: 'refused', error: 'port already used' }])
  t.equal(proxy.phase, 'start error')
  t.equal(proxy.error, 'port already used')
  t.strictSame(drain(proxy, 30_099), [])
  t.strictSame(drain(proxy, 30_100), [{ type: 'register' }])
  t.equal(proxy.error, '')
})

t.test('an answer that nobody asked for changes nothing', async t => {
  const proxy = started(0)
  proxy.handleAnswer(GOOD, 1)
  drain(proxy, 1)
  proxy.handleAnswer(BAD, 2)
  t.strictSame(drain(proxy, 2), [])
  t.equal(proxy.phase, 'running')
})

t.test('users are served from the question on, and not after a refusal', async t => {
  const proxy = new ProxyState(0)
  t.notOk(proxy.takesUsers)
  drain(proxy, 0)
  t.ok(proxy.takesUsers)
  proxy.handleAnswer(BAD, 1)
  t.notOk(proxy.takesUsers)
})

t.test('closing withdraws what the server knows and is final', async t => {
  const proxy = started(0)
  proxy.handleAnswer(GOOD, 1)
  drain(proxy, 1)
  proxy.close()
  proxy.close()
  t.strictSame(drain(proxy, 2), [{ type: 'withdraw' }])
  t.equal(proxy.phase, 'closed')
  t.strictSame(drain(proxy, 1e9), [])
})

t.test('closing a refused proxy has nothing to withdraw', async t => {
  const proxy = started(0)
  proxy.handleAnswer(BAD, 1)
  drain(proxy, 1)
  proxy.close()
  t.strictSame(drain(proxy, 1e9), [])
})
