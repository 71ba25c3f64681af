import t from 'tap'
import {
  type HoleDoor,
  type HoleParty,
  Rendezvous,
  type RendezvousOutput,
} from '../../lib/nathole/rendezvous.ts'
import { authKey } from '../../lib/wire/auth.ts'
import { decodeBody, encodeMessage, HEADER_BYTES } from '../../lib/wire/codec.ts'
import type {
  Draft,
  NatHoleClient,
  NatHoleResp,
  NatHoleVisitor,
} from '../../lib/wire/messages.ts'

interface Party extends HoleParty {
  readonly name: string
}

function party(name: string, { user = '', ip = '', rtt = 30 } = {}): Party {
  return { name, user, ip, rttMs: () => (rtt < 0 ? undefined : rtt) }
}

const NOW_S = 1_800_000_000
const SECRET = 'open sesame'

const OWNER = party('owner', { user: 'ann', ip: '192.0.2.1' })
const VISITOR = party('visitor', { user: 'bob', ip: '198.51.100.1' })

type Out = RendezvousOutput<Party>

class Table {
  readonly rendezvous: Rendezvous<Party>
  readonly door: HoleDoor<Party>
  #sids = 0

  constructor(door: Partial<HoleDoor<Party>> = {}) {
    const newSid = (): string => `sid${++this.#sids}`
    this.rendezvous = new Rendezvous({ reserveMs: 3_600_000, newSid })
    const base = { name: 'ann.x', owner: OWNER, sk: SECRET, ownerChecks: false }
    this.door = { ...base, allowUsers: ['bob'], ...door }
    this.rendezvous.open(this.door)
  }

  drain(now: number): Out[] {
    const outputs: Out[] = []
    for (let out = this.rendezvous.poll(now); out; out = this.rendezvous.poll(now)) {
      outputs.push(out)
    }
    return outputs
  }

  visit(fields: Draft<NatHoleVisitor>, { from = VISITOR, now = 0 } = {}): Out[] {
    this.rendezvous.handleVisitor(read<NatHoleVisitor>(fields), from, { now, unixSeconds: NOW_S })
    return this.drain(now)
  }

  answer(fields: Partial<Draft<NatHoleClient>>, { from = OWNER, now = 0 } = {}): Out[] {
    const message = { ...CLIENT, ...fields }
    this.rendezvous.handleClient(read<NatHoleClient>(message), from, now)
    return this.drain(now)
  }
}

/** A message as it comes from the wire. */
function read<M extends NatHoleVisitor | NatHoleClient>(draft: Draft<M>): M {
  const frame = encodeMessage(draft)
  // What was written as a message of this type is read as one.
  return decodeBody(frame.readUInt8(0), frame.subarray(HEADER_BYTES)) as M
}

const EASY_OWNER = ['192.0.2.1:5000', '192.0.2.1:5000']
const EASY_VISITOR = ['198.51.100.1:6000', '198.51.100.1:6000']

const VISIT: Draft<NatHoleVisitor> = {
  type: 'NatHoleVisitor',
  transaction_id: 'tv',
  proxy_name: 'ann.x',
  protocol: 'quic',
  sign_key: authKey(SECRET, NOW_S),
  timestamp: NOW_S,
  mapped_addrs: EASY_VISITOR,
  assisted_addrs: ['192.168.1.5:6000'],
}
const CLIENT: Draft<NatHoleClient> = {
  type: 'NatHoleClient',
  transaction_id: 'to',
  proxy_name: 'ann.x',
  sid: 'sid1',
  mapped_addrs: EASY_OWNER,
  assisted_addrs: ['192.168.1.9:5000'],
}

function sent(outputs: readonly Out[], to: Party): Draft<NatHoleResp>[] {
  return outputs.flatMap(out => (out.type === 'send' && out.to === to ? [out.message] : []))
}

function refusal(outputs: readonly Out[]): string | undefined {
  return sent(outputs, VISITOR)[0]?.error
}

t.test('a visitor who asks first is told whether he may come', async t => {
  const table = new Table()
  const ask = { ...VISIT, pre_check: true, sign_key: '' }
  t.strictSame(sent(table.visit(ask), VISITOR), [
    { type: 'NatHoleResp', transaction_id: 'tv', error: '' },
  ])
  t.equal(
    refusal(table.visit({ ...ask, proxy_name: 'ann.y' })),
    "xtcp server for [ann.y] doesn't exist",
  )
})

t.test('who is not in the list is refused, however he asks', async t => {
  const text = 'xtcp visitor user [bob] not allowed for [ann.x]'
  for (const allowUsers of [[], ['eve']]) {
    const table = new Table({ allowUsers })
    t.equal(refusal(table.visit({ ...VISIT, pre_check: true })), text)
    t.equal(refusal(table.visit(VISIT)), text, 'also with the right key, which frp lets in')
  }
  t.equal(new Table({ allowUsers: ['*'] }).visit(VISIT)[0]?.type, 'introduce')
})

t.test('an empty list lets in the owner’s own user', async t => {
  const table = new Table({ allowUsers: [] })
  const from = party('other', { user: 'ann' })
  t.equal(table.visit(VISIT, { from })[0]?.type, 'introduce')
})

t.test('a wrong key is refused, and a right one that is too old', async t => {
  const text = 'xtcp connection of [ann.x] auth failed'
  const table = new Table()
  t.equal(refusal(table.visit({ ...VISIT, sign_key: authKey('other', NOW_S) })), text)
  for (const off of [301, -301]) {
    const timestamp = NOW_S + off
    const old = { ...VISIT, timestamp, sign_key: authKey(SECRET, timestamp) }
    t.match(refusal(table.visit(old)), /auth failed: the clocks differ/)
  }
  const timestamp = NOW_S - 300
  const late = { ...VISIT, timestamp, sign_key: authKey(SECRET, timestamp) }
  t.equal(table.visit(late)[0]?.type, 'introduce')
})

t.test('an owner who checks himself is given the key', async t => {
  const table = new Table({ sk: '', ownerChecks: true })
  const [out] = table.visit({ ...VISIT, sign_key: 'whatever' })
  t.match(out, {
    type: 'introduce',
    visit: { sid: 'sid1', protocol: 'quic', sign_key: 'whatever', timestamp: NOW_S },
  })
  const refused = table.answer({ mapped_addrs: [], quicfrp: { error: 'auth failed' } })
  t.equal(refusal(refused), 'auth failed')
  t.equal(table.rendezvous.sessions, 0)
})

t.test('the receiver is told at once, and the sender when that one can have sent', async t => {
  const table = new Table()
  table.visit(VISIT, { now: 1_000 })
  const first = table.answer({}, { now: 1_100 })
  const [toVisitor] = sent(first, VISITOR)
  t.strictSame(sent(first, OWNER), [])
  t.strictSame(toVisitor, {
    type: 'NatHoleResp',
    transaction_id: 'tv',
    sid: 'sid1',
    protocol: 'quic',
    candidate_addrs: ['192.0.2.1:5000'],
    assisted_addrs: ['192.168.1.9:5000'],
    detect_behavior: {
      role: 'receiver',
      mode: 0,
      ttl: 7,
      send_delay_ms: 0,
      read_timeout: 5_000,
      candidate_ports: [],
      send_random_ports: 0,
      listen_random_ports: 0,
    },
  })
  t.equal(table.rendezvous.deadline(), 1_100 + 15 + 50)
  t.strictSame(table.drain(1_164), [])
  const [toOwner] = sent(table.drain(1_165), OWNER)
  t.match(toOwner, {
    transaction_id: 'to',
    sid: 'sid1',
    candidate_addrs: ['198.51.100.1:6000'],
    detect_behavior: { role: 'sender', ttl: 0, read_timeout: 5_000 },
  })
})

t.test('a sender waits for no more than frp’s second, also where nothing is known', async t => {
  for (const [rtt, delay] of [[-1, 150], [5_000, 1_000]] as const) {
    const table = new Table()
    table.visit(VISIT, { from: party('far', { user: 'bob', rtt }) })
    table.answer({})
    t.equal(table.rendezvous.deadline(), delay, `round trip ${rtt}`)
  }
})

t.test('only the owner answers and reports', async t => {
  const table = new Table()
  table.visit(VISIT)
  t.strictSame(table.answer({}, { from: VISITOR }), [])
  t.strictSame(table.answer({ sid: 'sid2' }), [])
  table.answer({})
  const report = { type: 'NatHoleReport', sid: 'sid1', success: true } as const
  table.rendezvous.handleReport(report, VISITOR, 10)
  t.strictSame(table.drain(10), [])
  table.rendezvous.handleReport(report, OWNER, 10)
  t.match(table.drain(10), [{ type: 'reported', isSuccess: true, mode: 0, index: 0 }])
  t.equal(table.rendezvous.sessions, 0)
})

t.test('a failure is remembered: the next try is another one', async t => {
  const table = new Table()
  const indexOf = (): number | undefined => {
    const sid = `sid${table.rendezvous.sessions + 1}`
    table.visit(VISIT)
    const all = [...table.answer({ sid }), ...table.drain(2_000)]
    return sent(all, VISITOR)[0]?.detect_behavior?.ttl
  }
  t.strictSame([indexOf(), indexOf(), indexOf()], [7, 0, 4])
})

t.test('an owner who never answers costs ten seconds of memory and no word', async t => {
  const table = new Table()
  table.visit(VISIT)
  t.equal(table.rendezvous.deadline(), 10_000)
  t.strictSame(table.drain(10_000), [])
  t.equal(table.rendezvous.sessions, 0)
  t.strictSame(table.answer({}, { now: 10_001 }), [])
})

t.test('too few addresses are an error for both', async t => {
  const table = new Table()
  table.visit(VISIT)
  const outputs = table.answer({ mapped_addrs: ['192.0.2.1:5000'] })
  const text = 'classify client nat feature error: not enough addresses'
  t.equal(refusal(outputs), text)
  t.equal(sent(outputs, OWNER)[0]?.error, text)
})

t.test('what is no address is left out, and so are thousands', async t => {
  const table = new Table()
  const junk = ['', 'x', '1.2.3.4', '1.2.3.4:0', '1.2.3.4:70000', '[::1]:5', 'a.b:1']
  const many = Array.from({ length: 300 }, (_, n) => `10.0.${n >> 8}.${n & 255}:9`)
  table.visit({ ...VISIT, mapped_addrs: [...junk, ...EASY_VISITOR], assisted_addrs: many })
  const outputs = [...table.answer({}), ...table.drain(2_000)]
  const [toOwner] = sent(outputs, OWNER)
  t.strictSame(toOwner?.candidate_addrs, ['198.51.100.1:6000'])
  t.equal(toOwner?.assisted_addrs?.length, 16)
})

t.test('random ports are tried only where the server sees the peer', async t => {
  const hard = (ip: string): string[] => [`${ip}:6000`, `${ip}:9000`]
  const sprayAt = (ip: string, seen: string): number | undefined => {
    const table = new Table()
    const from = party('v', { user: 'bob', ip: seen })
    table.visit({ ...VISIT, mapped_addrs: hard(ip) }, { from })
    const all = [...table.answer({}), ...table.drain(2_000)]
    return sent(all, OWNER)[0]?.detect_behavior?.send_random_ports
  }
  t.equal(sprayAt('198.51.100.1', '198.51.100.1'), 2_000)
  t.equal(sprayAt('203.0.113.7', '198.51.100.1'), 0, 'somebody else’s address')
  t.equal(sprayAt('203.0.113.7', '172.17.0.1'), 2_000, 'a server that sees no public address')
})

t.test('ports ahead go in the direction and with the steps of the NAT', async t => {
  const portsFor = (mapped: readonly string[]): readonly unknown[] | undefined => {
    const table = new Table()
    table.visit({ ...VISIT, mapped_addrs: mapped })
    const all = [...table.answer({}), ...table.drain(2_000)]
    return sent(all, OWNER)[0]?.detect_behavior?.candidate_ports
  }
  t.strictSame(portsFor(['198.51.100.1:6000', '198.51.100.1:6001']), [{ from: 6002, to: 6151 }])
  const down = portsFor(['198.51.100.1:6001', '198.51.100.1:6000'])
  t.strictSame(down?.slice(0, 2), [{ from: 5999, to: 5999 }, { from: 5998, to: 5998 }])
  t.strictSame(portsFor(['198.51.100.1:65500', '198.51.100.1:65501']), [{ from: 65502, to: 65535 }])
})

t.test('two NATs with steps are told to go in step, one of them skipping', async t => {
  const table = new Table()
  table.visit({ ...VISIT, mapped_addrs: ['198.51.100.1:6000', '198.51.100.1:6002'] })
  const all = table.answer({ mapped_addrs: ['192.0.2.1:5000', '192.0.2.1:5001'] })
  const ports = (to: Party): number[] =>
    (sent(all, to)[0]?.detect_behavior?.candidate_ports ?? []).flatMap(({ from = 0, to = 0 }) =>
      Array.from({ length: to - from + 1 }, (_, n) => from + n),
    )
  const ofOwner = ports(OWNER)
  const ofVisitor = ports(VISITOR)
  t.strictSame(ofOwner.slice(0, 3), [6004, 6006, 6008], 'the visitor’s NAT takes two at a time')
  t.equal(ofOwner.length, 88)
  t.strictSame(ofVisitor.slice(6, 11), [5008, 5009, 5011, 5013, 5015])
  // Each side's n-th packet leaves from its n-th port; others have taken some before.
  const meets = (taken: number): boolean =>
    ofVisitor.some((to, k) => {
      const from = 6002 + 2 * (k + 1)
      return ofOwner.some((other, j) => other === from + 2 * taken && 5001 + j + 1 === to)
    })
  for (let taken = 0; taken <= 30; taken++) t.ok(meets(taken), `${taken} ports taken by others`)
})

t.test('one visitor cannot fill the table', async t => {
  const table = new Table()
  for (let n = 0; n < 64; n++) t.equal(table.visit(VISIT)[0]?.type, 'introduce')
  t.match(refusal(table.visit(VISIT)), /too many xtcp visitors/)
  const other = party('other', { user: 'bob' })
  t.equal(table.visit(VISIT, { from: other })[0]?.type, 'introduce')
  table.rendezvous.handleGone(VISITOR)
  t.equal(table.rendezvous.sessions, 1)
})

t.test('what a peer sends at length comes back in bounds', async t => {
  const table = new Table()
  const long = 'x'.repeat(5_000)
  const outputs = table.visit({ ...VISIT, transaction_id: long, proxy_name: long })
  for (const message of sent(outputs, VISITOR)) t.ok(encodeMessage(message).length < 1_500)
})

t.test('a proxy that was closed is not visited', async t => {
  const table = new Table()
  table.rendezvous.close(table.door)
  t.match(refusal(table.visit(VISIT)), /doesn't exist/)
})
