import t from 'tap'
import { printable, rawName, wireName } from '../../lib/client/names.ts'

t.test('a user stands in front of the name on the wire', async t => {
  t.equal(wireName('u', 'ssh'), 'u.ssh')
  t.equal(wireName('', 'ssh'), 'ssh')
})

t.test('exactly one prefix is taken off on the way in', async t => {
  t.equal(rawName('u', 'u.ssh'), 'ssh')
  t.equal(rawName('u', 'u.u.ssh'), 'u.ssh')
  t.equal(rawName('u', 'other.ssh'), 'other.ssh')
  t.equal(rawName('', '.ssh'), '.ssh')
})

t.test('a text of the peer cannot break out of its log line', async t => {
  t.equal(printable('a\r\n\u001b[31mb\u2028c'), 'a   [31mb c')
  t.equal(printable('x'.repeat(600)).length, 503)
})
