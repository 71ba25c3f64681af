import t from 'tap'
import { Sessions, type SessionsOutput } from '../../lib/server/sessions.ts'

function drain(sessions: Sessions<string>): SessionsOutput<string>[] {
  const outputs = []
  for (let output = sessions.poll(); output !== undefined; output = sessions.poll()) {
    outputs.push(output)
  }
  return outputs
}

function claim(runId: string, clientId = '', user = ''): {
  runId: string
  clientId: string
  user: string
} {
  return { runId, clientId, user }
}

t.test('a new run id is admitted at once', async t => {
  const sessions = new Sessions<string>()
  sessions.handleLogin('a', claim('r1'))
  t.strictSame(drain(sessions), [{ type: 'admit', control: 'a' }])
  t.equal(sessions.find('r1'), 'a')
})

t.test('a login with a known run id replaces the old control only when that is gone', async t => {
  const sessions = new Sessions<string>()
  sessions.handleLogin('old', claim('r1'))
  drain(sessions)
  sessions.handleLogin('new', claim('r1'))
  t.strictSame(drain(sessions), [{ type: 'replace', control: 'old' }])
  t.equal(sessions.find('r1'), 'old')
  sessions.handleGone('old', 'r1')
  t.strictSame(drain(sessions), [{ type: 'admit', control: 'new' }])
  t.equal(sessions.find('r1'), 'new')
})

t.test('a third login fails the one that waits', async t => {
  const sessions = new Sessions<string>()
  sessions.handleLogin('old', claim('r1'))
  sessions.handleLogin('second', claim('r1'))
  drain(sessions)
  sessions.handleLogin('third', claim('r1'))
  t.strictSame(drain(sessions), [
    { type: 'fail', control: 'second', reason: 'control was replaced during login' },
  ])
  sessions.handleGone('second', 'r1')
  sessions.handleGone('old', 'r1')
  t.strictSame(drain(sessions), [{ type: 'admit', control: 'third' }])
})

t.test('one that hung up while it waited is not admitted', async t => {
  const sessions = new Sessions<string>()
  sessions.handleLogin('old', claim('r1'))
  sessions.handleLogin('new', claim('r1'))
  drain(sessions)
  sessions.handleGone('new', 'r1')
  sessions.handleGone('old', 'r1')
  t.strictSame(drain(sessions), [])
  t.equal(sessions.find('r1'), undefined)
})

t.test('a client id that is online under another run id is refused', async t => {
  const sessions = new Sessions<string>()
  sessions.handleLogin('a', claim('r1', 'box', 'ann'))
  drain(sessions)
  sessions.handleLogin('b', claim('r2', 'box', 'ann'))
  t.strictSame(drain(sessions), [
    {
      type: 'fail',
      control: 'b',
      reason: 'client_id [box] for user [ann] is already online',
    },
  ])
  sessions.handleGone('b', 'r2')
  sessions.handleGone('a', 'r1')
  sessions.handleLogin('c', claim('r3', 'box', 'ann'))
  t.strictSame(drain(sessions), [{ type: 'admit', control: 'c' }])
})

t.test('the same client id is no clash for another user, nor for a re-login', async t => {
  const sessions = new Sessions<string>()
  sessions.handleLogin('a', claim('r1', 'box', 'ann'))
  sessions.handleLogin('b', claim('r2', 'box', 'bob'))
  drain(sessions)
  sessions.handleLogin('a2', claim('r1', 'box', 'ann'))
  sessions.handleGone('a', 'r1')
  t.strictSame(drain(sessions), [
    { type: 'replace', control: 'a' },
    { type: 'admit', control: 'a2' },
  ])
  t.strictSame(sessions.controls(), ['b', 'a2'])
})
