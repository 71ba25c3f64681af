import t from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import { silentLogger } from '../../lib/log.ts'
import type { UserConnection } from '../../lib/proxy/host.ts'
import { Visitors } from '../../lib/server/visitors.ts'
import { memoryPair } from '../../lib/transport/memory.ts'
import { MessageChannel } from '../../lib/wire/channel.ts'
import type { NewVisitorConn } from '../../lib/wire/messages.ts'
import { duplexPair } from '../support/duplex-pair.ts'

const PREKEY = Buffer.alloc(32, 9).toString('base64')
const OFFER = { ephemeral: Buffer.alloc(32, 2).toString('base64'), prekey: '', proof: '' }

function messageWith(quicfrp: NonNullable<NewVisitorConn['quicfrp']>): NewVisitorConn {
  return {
    type: 'NewVisitorConn',
    run_id: 'run',
    proxy_name: 'ssh',
    sign_key: '',
    timestamp: 0,
    use_encryption: false,
    use_compression: false,
    quicfrp,
  }
}

/** The priorities that the server gave to the stream of a visitor who asks for `priority`. */
async function priorities(priority: string): Promise<string[]> {
  const given: string[] = []
  const visitors = new Visitors({
    clock: new ManualClock(),
    log: silentLogger,
    errorForVisitor: reason => reason,
  })
  const users: UserConnection[] = []
  const visited = { name: 'ssh', owner: '', sk: '', prekey: PREKEY, allowUsers: [] }
  const door = { ...visited, useCompression: false }
  visitors.open(door, user => users.push(user), () => '')
  const [stream] = duplexPair()
  Object.assign(stream, { setPriority: (word: string) => given.push(word) })
  const message = messageWith({ ...OFFER, priority, early: false })
  const [, session] = memoryPair()
  const client = { user: '', agreesOn: () => true }
  const channel = new MessageChannel(stream)
  await visitors.receive({ session, channel, message, client })
  for (const { stream: taken } of users) taken.destroy()
  if (users.length !== 1) throw new Error('he was not let in')
  return given
}

t.test('what the server writes to a visitor has the priority that he wants', async t => {
  t.strictSame(await priorities('interactive'), ['interactive'])
  t.strictSame(await priorities('bulk'), ['bulk'])
  t.strictSame(await priorities(''), ['auto'])
})

t.test('bytes that are sealed for an owner of ours are not read as words to a real one', async t => {
  const visitors = new Visitors({
    clock: new ManualClock(),
    log: silentLogger,
    errorForVisitor: reason => reason,
  })
  const visited = { name: 'ssh', owner: '', sk: 'secret', prekey: '', allowUsers: [] }
  visitors.open({ ...visited, useCompression: false }, () => t.fail('nobody is let in'), () => '')
  const [stream, far] = duplexPair()
  const visitor = new MessageChannel(far)
  const channel = new MessageChannel(stream)
  const message = messageWith({ ...OFFER, prekey: PREKEY, proof: 'p', priority: '', early: true })
  far.write(Buffer.alloc(100))
  const [, session] = memoryPair()
  const client = { user: '', agreesOn: () => true }
  t.ok(await visitors.receive({ session, channel, message, client }))
  t.match(await visitor.readMessage(), { type: 'NewVisitorConnResp', error: '' })
  t.match(await visitor.closed, { by: 'remote' })
})

t.test('a priority that is none keeps nobody out', async t => {
  t.strictSame(await priorities('highest'), ['auto'])
})
