import t from 'tap'
import { Admission, type AdmissionOutput } from '../../lib/server/admission.ts'
import type { Protocol } from '../../lib/transport/transport.ts'

function drain(admission: Admission<string>, now: number): AdmissionOutput<string>[] {
  const outputs = []
  for (let output = admission.poll(now); output !== undefined; output = admission.poll(now)) {
    outputs.push(output)
  }
  return outputs
}

const from = (ip: string, protocol: Protocol = 'tcp'): { ip: string; protocol: Protocol } => ({
  ip,
  protocol,
})

t.test('a session without a login is closed after ten seconds and not before', async t => {
  const admission = new Admission<string>()
  admission.handleSession('a', from('1.2.3.4'), 0)
  t.equal(admission.deadline(), 10_000)
  t.strictSame(drain(admission, 9_999), [])
  t.strictSame(drain(admission, 10_000), [{ type: 'close', session: 'a', reason: 'too slow' }])
  t.equal(admission.deadline(), undefined)
})

t.test('a session that logged in is left alone', async t => {
  const admission = new Admission<string>()
  admission.handleSession('a', from('1.2.3.4'), 0)
  admission.handleSettled('a')
  t.strictSame(drain(admission, 20_000), [])
})

t.test('the newest of too many sessions of one address stays, the oldest goes', async t => {
  const admission = new Admission<string>()
  admission.handleSession('other', from('9.9.9.9'), 0)
  for (let i = 0; i < 512; i++) admission.handleSession(`s${i}`, from('1.2.3.4'), 1)
  t.strictSame(drain(admission, 1), [])
  admission.handleSession('new', from('1.2.3.4'), 2)
  t.strictSame(drain(admission, 2), [{ type: 'close', session: 's0', reason: 'crowded out' }])
})

t.test('all addresses together have a bound too', async t => {
  const admission = new Admission<string>()
  for (let i = 0; i < 2049; i++) {
    admission.handleSession(`s${i}`, from(`10.0.${i >> 8}.${i & 255}`), 0)
  }
  t.strictSame(drain(admission, 0), [{ type: 'close', session: 's0', reason: 'crowded out' }])
  t.equal(admission.pendingCount, 2048)
})

t.test('one user with many IPv6 addresses counts as one', async t => {
  const admission = new Admission<string>()
  for (let i = 0; i < 513; i++) admission.handleSession(`s${i}`, from(`2001:db8::${i}`), 0)
  t.equal(drain(admission, 0).length, 1)
  admission.handleSession('other', from('2001:db8:0:1::1'), 0)
  t.equal(drain(admission, 0).length, 0)
})

t.test('a QUIC peer has two seconds when it is crowded, while others keep ten', async t => {
  const admission = new Admission<string>()
  admission.handleSession('tcp', from('1.1.1.1'), 0)
  admission.handleSession('quic', from('2.2.2.2', 'quic'), 0)
  t.strictSame(drain(admission, 2_000), [])
  for (let i = 0; i < 512; i++) admission.handleSession(`s${i}`, from('3.3.3.3'), 1_000)
  t.strictSame(drain(admission, 2_000), [{ type: 'close', session: 'quic', reason: 'too slow' }])
})

t.test('an address that fails too often is refused until time has passed', async t => {
  const admission = new Admission<string>()
  for (let i = 0; i < 20; i++) {
    t.ok(admission.mayLogin('1.2.3.4', 0), `try ${i}`)
    admission.handleFailure('1.2.3.4', 0)
  }
  t.notOk(admission.mayLogin('1.2.3.4', 0))
  t.ok(admission.mayLogin('1.2.3.5', 0), 'others are not touched')
  t.notOk(admission.mayLogin('1.2.3.4', 1_999))
  t.ok(admission.mayLogin('1.2.3.4', 2_000))
})

t.test('failures are forgiven in full', async t => {
  const admission = new Admission<string>()
  for (let i = 0; i < 20; i++) admission.handleFailure('1.2.3.4', 0)
  for (let i = 0; i < 20; i++) {
    t.ok(admission.mayLogin('1.2.3.4', 40_000))
    admission.handleFailure('1.2.3.4', 40_000)
  }
  t.notOk(admission.mayLogin('1.2.3.4', 40_000))
})
