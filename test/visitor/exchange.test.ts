// The words of a visitor with servers that are honest, and with some that are not.

import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { systemClock } from '../../lib/clock.ts'
import { clientConfigFromValues, type RawValues } from '../../lib/config/index.ts'
import { memoryPair } from '../../lib/transport/memory.ts'
import type { Stream } from '../../lib/transport/transport.ts'
import { Target } from '../../lib/visitor/exchange.ts'
import type { VisitorSession } from '../../lib/visitor/host.ts'
import { MessageChannel } from '../../lib/wire/channel.ts'
import { authKey } from '../../lib/wire/auth.ts'
import type { Draft, NewVisitorConn, NewVisitorConnResp } from '../../lib/wire/messages.ts'

const PREKEY = Buffer.alloc(32, 9).toString('base64')
const OWN = ['visitor-e2e', 'half-close']
const options = { signal: new AbortController().signal, clock: systemClock }

function target(values: RawValues = {}): Target {
  const { visitors } = clientConfigFromValues({
    common: {},
    visitors: [
      {
        name: 'door',
        type: 'stcp',
        serverName: 'ssh',
        serverUser: 'ann',
        secretKey: 'secret',
        bindPort: -1,
        ...values,
      },
    ],
  })
  const [config] = visitors
  if (config === undefined) throw new Error('there is one')
  return new Target(config, 'bob')
}

interface Script {
  readonly session: VisitorSession
  readonly heard: NewVisitorConn[]
}

/** A server that gives these answers to the messages of each stream, in turn. */
function serverOf(
  t: Test,
  features: readonly string[],
  ...answers: readonly Draft<NewVisitorConnResp>[]
): Script {
  const [client, server] = memoryPair()
  const heard: NewVisitorConn[] = []
  t.teardown(() => client.close())
  server.onStream(stream => {
    const channel = new MessageChannel(stream)
    const left = [...answers]
    channel.onMessage(message => {
      if (message.type === 'NewVisitorConn') heard.push(message)
      const answer = left.shift()
      if (answer) channel.send(answer)
    })
  })
  return { session: { session: client, runId: 'run', features, signalling: NO_HOLES }, heard }
}

const NO_HOLES = { ask: () => new Promise<never>(() => {}), send: () => {} }
const ok = { type: 'NewVisitorConnResp' } as const
const prekey = { ...ok, quicfrp: { prekey: PREKEY } }
const challenge = { ...ok, quicfrp: { challenge: 4711 } }

t.test('towards a real frps the message is that of frp and nothing more', async t => {
  const { session, heard } = serverOf(t, [], ok)
  const { sealed } = await target({ transport: { useEncryption: true } }).open(session, options)
  t.equal(sealed, undefined)
  const [message] = heard
  t.match(message, {
    run_id: 'run',
    proxy_name: 'ann.ssh',
    sign_key: authKey('secret', message?.timestamp ?? 0),
    use_encryption: true,
    use_compression: false,
  })
  t.equal(message?.quicfrp, undefined)
  t.ok(Math.abs((message?.timestamp ?? 0) - Date.now() / 1_000) < 60)
})

t.test('towards a server of ours no key is sent that it could guess at', async t => {
  const { session, heard } = serverOf(t, OWN, prekey)
  const { sealed } = await target().open(session, options)
  t.ok(sealed)
  t.match(heard, [{ sign_key: '', timestamp: 0, quicfrp: { proof: '' } }])
})

t.test('where the owner is real the key is made with the number of the server', async t => {
  const { session, heard } = serverOf(t, OWN, challenge, ok)
  const { sealed } = await target().open(session, options)
  t.equal(sealed, undefined)
  t.match(heard, [{ sign_key: '' }, { sign_key: authKey('secret', 4711), timestamp: 4711 }])
})

t.test('a server that denies what was end to end before gets neither key nor bytes', async t => {
  const visited = target()
  await visited.open(serverOf(t, OWN, prekey).session, options)
  const claims = serverOf(t, OWN, challenge, ok)
  await t.rejects(visited.open(claims.session, options), {
    code: 'AUTH_FAILED',
    message: /it was end to end before, and now the proxy belongs to a real frpc/,
  })
  t.match(claims.heard, [{ sign_key: '' }])
  t.equal(claims.heard.length, 1)
  const downgraded = serverOf(t, [], ok)
  await t.rejects(visited.open(downgraded.session, options), {
    message: /it was end to end before, and now the server is a real frps/,
  })
  t.strictSame(downgraded.heard, [])
})

t.test('requireEndToEnd sends nothing to a real frps and no key for a real owner', async t => {
  const strict = target({ requireEndToEnd: true })
  const real = serverOf(t, [], ok)
  await t.rejects(strict.open(real.session, options), { message: /requireEndToEnd is set/ })
  t.strictSame(real.heard, [])
  const own = serverOf(t, OWN, challenge, ok)
  await t.rejects(strict.open(own.session, options), { message: /requireEndToEnd is set/ })
  t.equal(own.heard.length, 1)
})

t.test('a visitor of an xtcp proxy goes the way of frp only where it may', async t => {
  const free = target({ type: 'xtcp' })
  const real = serverOf(t, [], ok)
  await t.rejects(free.open(real.session, options), { code: 'UNSUPPORTED' })
  const strict = target({ type: 'xtcp', requireEndToEnd: true })
  const refused = { code: 'AUTH_FAILED', message: /requireEndToEnd is set/ }
  await t.rejects(strict.open(real.session, options), refused)
  const own = serverOf(t, OWN, challenge, ok)
  await t.rejects(strict.open(own.session, options), refused)
  t.strictSame(real.heard, [])
})

t.test('a refusal is told in the words of the server, fit for a log line', async t => {
  const { session } = serverOf(t, OWN, { ...ok, error: 'no\nsuch\u001b[31m proxy' })
  await t.rejects(target().open(session, options), {
    code: 'PROXY_REFUSED',
    message: 'no such [31m proxy [PROXY_REFUSED]',
  })
})

t.test('answers that make no sense end the attempt', async t => {
  const silent = serverOf(t, OWN, ok)
  await t.rejects(target().open(silent.session, options), { code: 'PROTOCOL_ERROR' })
  for (const wrong of ['AAAA', Buffer.alloc(32).toString('base64')]) {
    const { session } = serverOf(t, OWN, { ...ok, quicfrp: { prekey: wrong } })
    await t.rejects(target().open(session, options), { code: 'AUTH_FAILED' })
  }
})

t.test('what is written early leaves before the answer, on the stream of each prekey', async t => {
  const [client, server] = memoryPair()
  t.teardown(() => client.close())
  const other = { ...ok, quicfrp: { prekey: Buffer.alloc(32, 8).toString('base64') } }
  // The first stream teaches the prekey; of the next two only the second is of use.
  const answers = [prekey, other, other]
  const early: string[] = []
  server.onStream(stream => {
    const channel = new MessageChannel(stream)
    void channel.readExpected('NewVisitorConn').then(async message => {
      if (message.quicfrp?.early === true) early.push(await textOf(stream))
      channel.send(answers.shift() ?? ok)
    })
  })
  const session = { session: client, runId: 'run', features: OWN, signalling: NO_HOLES }
  const visited = target()
  t.notOk(visited.knowsPrekey(systemClock.now()))
  await visited.open(session, options)
  t.ok(visited.knowsPrekey(systemClock.now()))
  const keys: string[] = []
  const opened = await visited.open(session, {
    ...options,
    early: (stream, sealing) => {
      keys.push(sealing.keys.toProxy.toString('hex'))
      stream.write(`bytes ${keys.length}`)
      return keys.length
    },
  })
  t.strictSame(early, ['bytes 1', 'bytes 2'])
  t.match(opened, { early: 2, sealed: { isProven: true } })
  t.equal(opened.sealed?.keys.toProxy.toString('hex'), keys[1])
  t.not(keys[0], keys[1])
})

t.test('a prekey is used once for one user, and his key is the same with each', async t => {
  const compressed = { ...ok, quicfrp: { prekey: PREKEY, use_compression: true } }
  const other = { ...ok, quicfrp: { prekey: Buffer.alloc(32, 8).toString('base64') } }
  for (const answers of [[compressed], [other, prekey]]) {
    const { session, heard } = serverPerStream(t, [prekey, ...answers])
    const visited = target()
    await visited.open(session, options)
    let begun = 0
    const early = (): number => ++begun
    await t.rejects(visited.open(session, { ...options, early }), {
      code: 'AUTH_FAILED',
      message: /a prekey that was of no use/,
    })
    t.equal(begun, answers.length)
    const [learning, ...tries] = heard.map(message => message.quicfrp?.ephemeral)
    t.equal(new Set(tries).size, 1)
    t.not(learning, tries[0])
  }
})

/** One answer for each stream. */
function serverPerStream(t: Test, answers: readonly Draft<NewVisitorConnResp>[]): Script {
  const [client, server] = memoryPair()
  t.teardown(() => client.close())
  const left = [...answers]
  const heard: NewVisitorConn[] = []
  server.onStream(stream => {
    const channel = new MessageChannel(stream)
    void channel.readExpected('NewVisitorConn').then(message => {
      heard.push(message)
      channel.send(left.shift() ?? ok)
    })
  })
  return { session: { session: client, runId: 'run', features: OWN, signalling: NO_HOLES }, heard }
}

t.test('the prekey alone can be asked for, and a real owner is not asked for more', async t => {
  const own = serverOf(t, OWN, prekey)
  const visited = target()
  await visited.learn(own.session, options)
  t.ok(visited.knowsPrekey(systemClock.now()))
  t.match(own.heard, [{ quicfrp: { prekey: '', proof: '', early: true } }])
  await visited.learn(own.session, options)
  t.equal(own.heard.length, 1, 'once is enough')
  const real = serverOf(t, OWN, challenge, ok)
  const other = target()
  await other.learn(real.session, options)
  t.notOk(other.knowsPrekey(systemClock.now()))
  t.match(real.heard, [{ sign_key: '' }])
  const frps = serverOf(t, [], ok)
  await other.learn(frps.session, options)
  t.strictSame(frps.heard, [])
})

t.test('a server that gives another prekey each time is left', async t => {
  const answers = [1, 2, 3, 4].map(byte => {
    return { ...ok, quicfrp: { prekey: Buffer.alloc(32, byte).toString('base64') } }
  })
  const { session, heard } = serverPerStream(t, answers)
  const early = (): undefined => undefined
  await t.rejects(target().open(session, { ...options, early }), {
    code: 'AUTH_FAILED',
    message: /another prekey each time/,
  })
  t.equal(heard.length, 3)
})

async function textOf(stream: Duplex): Promise<string> {
  for (;;) {
    const chunk: Buffer | null = stream.read()
    if (chunk !== null) return chunk.toString()
    await once(stream, 'readable')
  }
}

t.test('a priority is told to a server that knows it, and used on our end', async t => {
  const values = { transport: { priority: 'interactive' } }
  const told: string[] = []
  const marked = (script: Script): VisitorSession => {
    const { session } = script.session
    const openStream = async (): Promise<Stream> => {
      const setPriority = (word: string): void => void told.push(word)
      return Object.assign(await session.openStream(), { setPriority })
    }
    return { ...script.session, session: Object.assign(Object.create(session), { openStream }) }
  }
  const knows = serverOf(t, [...OWN, 'priority'], prekey)
  await target(values).open(marked(knows), options)
  t.match(knows.heard, [{ quicfrp: { priority: 'interactive' } }])
  t.strictSame(told, ['interactive'])
  const older = serverOf(t, OWN, prekey)
  await target(values).open(marked(older), options)
  t.match(older.heard, [{ quicfrp: { priority: '' } }])
  const usual = serverOf(t, [...OWN, 'priority'], prekey)
  await target().open(usual.session, options)
  t.match(usual.heard, [{ quicfrp: { priority: '' } }])
})
