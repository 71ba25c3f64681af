// A visitor and an owner who agree end to end, and what somebody on the way can try.

import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import t from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import {
  newKeyPair,
  OwnerSecret,
  ownerStream,
  PREKEY_LIFE_MS,
  type SecretConnection,
  VisitorSecret,
  visitorStream,
} from '../../lib/e2e/index.ts'
import type { VisitorAnswer, VisitorIntroduction } from '../../lib/wire/messages.ts'
import { duplexPair } from '../support/duplex-pair.ts'

const clock = new ManualClock()
const BASE = { type: 'stcp', name: 'ann.ssh', useCompression: false } as const

function ownerOf(secretKey: string): OwnerSecret {
  return new OwnerSecret({ ...BASE, secretKey }, clock.now())
}

function visitorOf(secretKey: string): VisitorSecret {
  return new VisitorSecret({ ...BASE, secretKey })
}

/** What an honest frps makes of an offer. */
function introduce({ offer }: SecretConnection, prekey: string): VisitorIntroduction {
  return {
    ephemeral: offer.ephemeral,
    prekey,
    proof: offer.prekey === prekey ? offer.proof : '',
    sign_key: '',
    timestamp: 0,
    use_encryption: false,
    use_compression: false,
  }
}

interface Connected {
  readonly visitor: Duplex
  readonly owner: Promise<Duplex>
  readonly introduction: VisitorIntroduction
  /** Everything that passed frps on the visitor's way to the owner. */
  readonly recorded: Buffer[]
}

/** Joins both over a wire that `change` can touch. */
async function connect(
  owner: OwnerSecret,
  visitor: VisitorSecret,
  change: (bytes: Buffer) => Buffer = bytes => bytes,
): Promise<Connected> {
  const connection = await visitor.connect()
  const prekey = owner.offer(clock.now())
  const introduction = introduce(connection, prekey)
  const accepted = connection.accept({ prekey, challenge: 0, use_compression: false })
  const [visitorEnd, atServer] = duplexPair()
  const [ownerEnd, toOwner] = duplexPair()
  const recorded: Buffer[] = []
  atServer.on('data', (bytes: Buffer) => {
    recorded.push(bytes)
    toOwner.write(change(bytes))
  })
  atServer.on('end', () => toOwner.end())
  toOwner.on('data', (bytes: Buffer) => atServer.write(bytes))
  toOwner.on('end', () => atServer.end())
  for (const end of [atServer, toOwner]) end.on('error', () => {})
  const plain = visitorStream(visitorEnd, accepted)
  plain.on('error', () => {})
  const opened = ownerStream(ownerEnd, owner.guest(introduction, clock.now()), clock)
  opened.then(stream => stream.on('error', () => {}), () => {})
  return { visitor: plain, owner: opened, introduction, recorded }
}

function readAll(stream: Duplex): Promise<string> {
  return new Promise(resolve => {
    let text = ''
    stream.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    stream.on('end', () => resolve(text))
    stream.on('close', () => resolve(`${text}${stream.readableEnded ? '' : '|cut'}`))
  })
}

function failure(stream: Duplex): Promise<string> {
  return new Promise(resolve => {
    stream.on('error', (error: Error) => resolve(error.message))
    stream.on('end', () => resolve('ended'))
    stream.resume()
  })
}

t.test('bytes pass both ways, and nobody between can find them', async t => {
  const connected = await connect(ownerOf('secret'), visitorOf('secret'))
  const owner = await connected.owner
  connected.visitor.end('attack at dawn')
  owner.end('understood')
  t.equal(await readAll(owner), 'attack at dawn')
  t.equal(await readAll(connected.visitor), 'understood')
  t.notMatch(Buffer.concat(connected.recorded).toString('latin1'), 'attack')
})

t.test('a second connection has its proof with its offer, and other keys', async t => {
  const owner = ownerOf('secret')
  const visitor = visitorOf('secret')
  const first = await connect(owner, visitor)
  await first.owner
  const second = await connect(owner, visitor)
  t.equal(first.introduction.proof, '')
  t.not(second.introduction.proof, '')
  // It is let in without a byte of the visitor.
  const stream = await second.owner
  stream.end('welcome')
  t.equal(await readAll(second.visitor), 'welcome')
  t.not(first.introduction.ephemeral, second.introduction.ephemeral)
})

t.test('another secret is refused before anything is opened, by first record and by proof', async t => {
  const owner = ownerOf('secret')
  const visitor = visitorOf('other')
  const first = await connect(owner, visitor)
  await t.rejects(first.owner, { code: 'AUTH_FAILED' })
  t.match(await failure(first.visitor), /auth failed/)
  const second = await connect(owner, visitor)
  t.not(second.introduction.proof, '')
  await t.rejects(second.owner, { code: 'AUTH_FAILED' })
})

t.test('what is bound into the keys cannot be exchanged on the way', async t => {
  const owner = ownerOf('secret')
  const connection = await visitorOf('secret').connect()
  const prekey = owner.offer(clock.now())
  const honest = introduce(connection, prekey)
  connection.accept({ prekey, challenge: 0, use_compression: false })
  for (const [what, lie] of [
    ['compression', { use_compression: true }],
    ['the public key', { ephemeral: randomBytes(32).toString('base64') }],
    ['a key of small order', { ephemeral: Buffer.alloc(32).toString('base64') }],
    ['no key', { ephemeral: 'AAAA' }],
    ['a forged proof', { proof: randomBytes(16).toString('base64') }],
    ['an unknown prekey', { prekey: randomBytes(32).toString('base64') }],
  ] as const) {
    const [end, other] = duplexPair()
    other.on('error', () => {})
    const opened = ownerStream(end, owner.guest({ ...honest, ...lie }, clock.now()), clock)
    other.end(Buffer.concat([Buffer.from([0, 0, 0, 16]), randomBytes(16)]))
    await t.rejects(opened, { code: 'AUTH_FAILED' }, what)
  }
})

t.test('a recorded connection cannot be played again', async t => {
  const owner = ownerOf('secret')
  const visitor = visitorOf('secret')
  for (const kind of ['first record', 'proof']) {
    const { owner: opened, visitor: stream, introduction, recorded } = await connect(owner, visitor)
    const received = await opened
    stream.end('once')
    t.equal(await readAll(received), 'once')
    const [end, other] = duplexPair()
    other.on('error', () => {})
    const again = ownerStream(end, owner.guest(introduction, clock.now()), clock)
    for (const bytes of recorded) other.write(bytes)
    const reasonOf = { code: 'AUTH_FAILED', message: /the key was used before/ }
    await t.rejects(again, reasonOf, `recognised by its ${kind}`)
  }
})

t.test('an old prekey is refused: what was held back cannot be delivered later', async t => {
  const owner = ownerOf('secret')
  const connection = await visitorOf('secret').connect()
  const held = introduce(connection, owner.offer(clock.now()))
  clock.advance(PREKEY_LIFE_MS)
  const next = owner.offer(clock.now())
  t.not(next, held.prekey)
  // The visitor may just have got it, so that it is good for another minute.
  t.ok(await owner.guest(held, clock.now()))
  clock.advance(60_000)
  await t.rejects(owner.guest(held, clock.now()), { message: /the prekey is too old/ })
})

t.test('one key is taken once, whichever prekeys it comes with', async t => {
  const owner = ownerOf('secret')
  const visitor = visitorOf('secret')
  const pair = newKeyPair()
  const answer = (prekey: string): VisitorAnswer => ({ prekey, challenge: 0, use_compression: false })
  const older = owner.offer(clock.now())
  ;(await visitor.connect()).accept(answer(older))
  const first = introduce(await visitor.connect(pair), older)
  const guest = await owner.guest(first, clock.now())
  t.equal(guest.prove(clock.now()), undefined)
  clock.advance(PREKEY_LIFE_MS)
  const newer = owner.offer(clock.now())
  ;(await visitor.connect()).accept(answer(newer))
  // Somebody has told the visitor that what he sent early was of no use.
  const again = await owner.guest(introduce(await visitor.connect(pair), newer), clock.now())
  t.ok(again.isProven)
  t.equal(again.prove(clock.now()), 'the key was used before')
  const other = await owner.guest(introduce(await visitor.connect(), newer), clock.now())
  t.equal(other.prove(clock.now()), undefined)
})

t.test('changed, exchanged and cut bytes end the stream with an error', async t => {
  for (const [what, change, wanted] of [
    ['a changed byte', flip(60), /changed on its way/],
    ['a changed length', flip(27), /changed on its way|no record of ours|cut/],
    ['a cut end', cutEnd(), /cut on its way/],
  ] as const) {
    const owner = ownerOf('secret')
    const visitor = visitorOf('secret')
    const first = await connect(owner, visitor, change())
    const stream = await first.owner
    first.visitor.write(Buffer.alloc(100))
    first.visitor.end()
    t.match(await failure(stream), wanted, what)
  }
})

t.test('the visitor does not accept less than before', async t => {
  const visitor = visitorOf('secret')
  t.notOk(visitor.wasEndToEnd)
  await (await connect(ownerOf('secret'), visitor)).owner
  t.ok(visitor.wasEndToEnd)
})

/** Flips a bit of the byte at this place of the whole flow; the first record has 20 bytes. */
function flip(at: number): () => (bytes: Buffer) => Buffer {
  return () => {
    let offset = 0
    return bytes => {
      const copy = Buffer.from(bytes)
      const index = at - offset
      offset += bytes.length
      if (index >= 0 && index < copy.length) copy[index] = (copy[index] ?? 0) ^ 1
      return copy
    }
  }
}

/** Drops the record that ends a direction: 4 bytes of head, 16 of tag, type 1. */
function cutEnd(): () => (bytes: Buffer) => Buffer {
  return () => bytes => (bytes[bytes.length - 20] === 1 ? bytes.subarray(0, -20) : bytes)
}
