import t from 'tap'
import { SendGate, type GatedConnection } from '../../lib/quic/send-gate.ts'

const MSS = 1452

/** quiche as far as the gate reads it. */
class FakeConnection implements GatedConnection {
  cwnd = 1 << 20
  inFlight = 0
  rtt = 50
  rejectsUnidirectional = false

  pathStats(): ReturnType<GatedConnection['pathStats']> {
    const { cwnd, rtt } = this
    return [{ active: true, rtt, cwnd, sentBytes: 0, lostBytes: 0, deliveryRate: 0 }]
  }

  streamCapacity(): number {
    return this.cwnd - this.inFlight
  }

  streamSend(): number {
    if (this.rejectsUnidirectional) throw new Error('StreamLimit')
    return 0
  }
}

t.test('bulk gets the window that is not under way yet', async t => {
  const native = new FakeConnection()
  const gate = new SendGate(native, 2, MSS)
  gate.handlePackets(0)
  const window = gate.window.bytes
  native.inFlight = window
  t.equal(gate.budget(100), 0)
  t.equal(gate.pacedUntil, undefined, 'acknowledgements are awaited')
  native.inFlight = window - 3 * MSS
  t.equal(gate.budget(200), 3 * MSS)
})

t.test('a burst is a few milliseconds of the rate, then it is paced', async t => {
  const native = new FakeConnection()
  const gate = new SendGate(native, 2, MSS)
  gate.handlePackets(0)
  const first = gate.budget(1000)
  t.ok(first < gate.window.bytes / 2, `${first} bytes`)
  gate.handleSent(first)
  t.equal(gate.budget(1000), 0)
  const again = gate.pacedUntil ?? Number.POSITIVE_INFINITY
  t.ok(again > 1000 && again < 1002, `again at ${again}`)
  t.ok(gate.budget(again + 0.01) >= MSS)
})

t.test('what a burst leaves is asked for by time, before anything is acknowledged', async t => {
  const native = new FakeConnection()
  const gate = new SendGate(native, 2, MSS)
  gate.handlePackets(0)
  let now = 1000
  let sent = 0
  for (let asked = 0; asked < 100; asked++) {
    const budget = gate.budget(now)
    gate.handleSent(budget)
    sent += budget
    native.inFlight += budget
    if (gate.pacedUntil === undefined) break
    now = Math.max(now + 1, gate.pacedUntil)
  }
  t.ok(sent > gate.window.bytes - MSS, `${sent} of ${gate.window.bytes} within a round trip`)
  t.ok(now < 1000 + native.rtt, `${now - 1000} ms`)
})

t.test('over one round trip the pace lets more than the window pass', async t => {
  const native = new FakeConnection()
  const gate = new SendGate(native, 2, MSS)
  gate.handlePackets(0)
  let sent = 0
  for (let now = 1000; now < 1050; now++) {
    const budget = gate.budget(now)
    gate.handleSent(budget)
    sent += budget
  }
  t.ok(sent > gate.window.bytes, `${sent} of ${gate.window.bytes}`)
})

t.test('a peer without unidirectional streams is not held back', async t => {
  const native = new FakeConnection()
  native.rejectsUnidirectional = true
  const gate = new SendGate(native, 2, MSS)
  t.ok(gate.handlePackets(0), 'losses are still known')
  t.equal(gate.budget(1), Number.POSITIVE_INFINITY)
})

t.test('another way begins with what was under way on the old one, in bursts', async t => {
  const native = new FakeConnection()
  const gate = new SendGate(native, 2, MSS)
  gate.handlePackets(0)
  native.inFlight = 400_000
  gate.handleRoute()
  t.equal(gate.window.bytes, 400_000)
  t.equal(gate.budget(1), 0, 'as many as were, and no more')
  native.inFlight -= 100_000
  const budget = gate.budget(2)
  t.ok(budget >= MSS && budget < 100_000, `${budget} bytes in one burst`)
})

t.test('beside a neighbour who fills the queue a part of the window of bbr is taken', async t => {
  const native = new FakeConnection()
  const gate = new SendGate(native, 2, MSS)
  for (let now = 0; now < 8000 && !gate.window.competes; now += 10) {
    // Alone at first; then 60 ms of somebody else's packets, whatever is held back.
    native.rtt = now < 1000 ? 50 : 110
    native.inFlight = gate.window.bytes
    gate.budget(now)
    gate.handlePackets(now)
  }
  t.ok(gate.window.competes)
  native.inFlight = 0
  const whole = gate.budget(9000)
  t.ok(whole > 0.5 * native.cwnd && whole < 0.9 * native.cwnd, `${whole} of ${native.cwnd}`)
  native.inFlight = native.cwnd
  t.equal(gate.budget(9001), 0)
})

t.test('a window of less than a packet does not stop what nothing else would wake', async t => {
  const native = new FakeConnection()
  const gate = new SendGate(native, 2, MSS)
  gate.handlePackets(0)
  native.cwnd = 2 * MSS
  gate.handleRoute()
  t.equal(gate.budget(100), MSS, 'nothing is under way')
  native.inFlight = MSS
  t.equal(gate.budget(100), 0, 'an acknowledgement is to come')
})
