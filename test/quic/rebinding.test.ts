import t from 'tap'
import { Rebinding } from '../../lib/quic/rebinding.ts'

const one = { ip: '192.0.2.1', port: 1 }
const other = { ip: '192.0.2.2', port: 2 }

t.test('two new packets in a row from elsewhere move the connection', async t => {
  const rebinding = new Rebinding()
  t.notOk(rebinding.handleOther(one))
  t.ok(rebinding.handleOther(one))
})

t.test('a packet from the known address, or from a third one, starts the count anew', async t => {
  const rebinding = new Rebinding()
  rebinding.handleOther(one)
  rebinding.handleKnown()
  t.notOk(rebinding.handleOther(one))
  t.notOk(rebinding.handleOther(other))
  t.notOk(rebinding.handleOther(one))
  t.ok(rebinding.handleOther(one))
})
