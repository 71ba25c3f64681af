import t from 'tap'
import { errorDetail, errorText, TunnelError } from '../lib/errors.ts'

t.test("the system's codes are told in words, with the system's own text", async t => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:22'), {
    code: 'ECONNREFUSED',
  })
  t.equal(errorText(refused), 'connection refused (connect ECONNREFUSED 127.0.0.1:22)')
  const several = Object.assign(new AggregateError([refused]), { code: 'ECONNREFUSED' })
  t.equal(errorText(several), 'connection refused')
  t.equal(errorText(new Error('anything else')), 'anything else')
  t.equal(errorText('a text'), 'a text')
})

t.test('the detail of an error of ours is its text without the code', async t => {
  const error = new TunnelError('TIMED_OUT', 'no answer')
  t.equal(errorText(error), 'no answer [TIMED_OUT]')
  t.equal(errorDetail(error), 'no answer')
  t.equal(errorDetail(new Error('other')), 'other')
})
