import t from 'tap'
import type { TunnelError } from '../../lib/errors.ts'
import type { Channel, ChannelEvents } from '../../lib/mux/channel.ts'
import { encodeHeader } from '../../lib/mux/frame.ts'
import { MUX_DEFAULTS, MuxSession, type MuxConfig } from '../../lib/mux/session.ts'

const [DATA, WINDOW, PING, GO_AWAY] = [0, 1, 2, 3]
const [SYN, ACK, FIN, RST] = [1, 2, 4, 8]

/** One side of a session, fed by hand. Pings are off unless a test asks for them. */
class Side {
  readonly session: MuxSession
  readonly opened: Channel[] = []
  acknowledged = 0
  isGone = false

  constructor(config: Partial<MuxConfig> = {}) {
    const all: MuxConfig = { ...MUX_DEFAULTS, role: 'server', keepaliveMs: 0, ...config }
    const events = {
      handleChannel: (channel: Channel): void => {
        channel.events = new Log()
        this.opened.push(channel)
      },
      handleAcknowledged: (): void => void this.acknowledged++,
      handleGone: (): void => void (this.isGone = true),
    }
    this.session = new MuxSession(all, events, 0)
  }

  receive(...bytes: Buffer[]): void {
    this.session.handleChunk(Buffer.concat(bytes), 0)
  }

  sent(maxBytes = Infinity): string {
    const out: Buffer[] = []
    this.session.pollTransmit(out, maxBytes)
    return Buffer.concat(out).toString('hex')
  }
}

class Log implements ChannelEvents {
  readonly lines: string[] = []
  error: TunnelError | undefined
  handleData(bytes: Buffer): void {
    this.lines.push(String(bytes))
  }
  handleEnd(): void {
    this.lines.push('end')
  }
  handleFailure(error: TunnelError): void {
    this.error = error
    this.lines.push(error.code)
  }
  handleSent(): void {
    this.lines.push('sent')
  }
}

function frame(type: number, flags: number, streamId: number, length: number, body = ''): Buffer {
  return Buffer.concat([encodeHeader({ type, flags, streamId, length }), Buffer.from(body)])
}

function data(streamId: number, body: string, flags = 0): Buffer {
  return frame(DATA, flags, streamId, body.length, body)
}

function accepted(side: Side, streamId = 1): { channel: Channel; log: Log } {
  side.receive(frame(WINDOW, SYN, streamId, 0))
  const channel = side.opened.at(-1)
  if (!channel) throw new Error('no stream came')
  side.sent()
  return { channel, log: channel.events as Log } // what handleChannel above put there
}

const frpWindows = { initialWindowBytes: 6_291_456 }

t.test('with the windows of frp the bytes of open and accept are those of frp', async t => {
  const client = new Side({ role: 'client', ...frpWindows })
  client.session.open(0)
  t.equal(client.sent(), '0001000100000001005c0000')
  const server = new Side(frpWindows)
  server.receive(Buffer.from('0001000100000001005c0000', 'hex'))
  t.equal(server.sent(), '0001000200000001005c0000')
})

t.test('the client opens odd ids, the server even ones', async t => {
  for (const [role, ids] of [['client', [1, 3]], ['server', [2, 4]]] as const) {
    const { session } = new Side({ role })
    t.strictSame([session.open(0).id, session.open(0).id], ids)
  }
})

t.test('header and body of a small write go out with the SYN, in that order', async t => {
  const client = new Side({ role: 'client' })
  const channel = client.session.open(0)
  channel.send([Buffer.from('hi')])
  t.equal(client.sent(), '0001000100000001000c0000' + '000000000000000100000002' + '6869')
})

t.test('several chunks share a frame', async t => {
  const side = new Side()
  const { channel, log } = accepted(side)
  channel.send([Buffer.from('ab'), Buffer.from('cd')])
  t.equal(side.sent(), '000000000000000100000004' + '61626364')
  t.strictSame(log.lines, ['sent'])
})

t.test('no more is sent than the peer granted, and the rest when it grants more', async t => {
  const side = new Side()
  const { channel, log } = accepted(side)
  channel.send([Buffer.alloc(262_146)])
  t.equal(side.sent().length / 2, 262_144 + 4 * 12)
  t.equal(side.session.hasTransmit, false)
  t.strictSame(log.lines, [])
  side.receive(frame(WINDOW, 0, 1, 100))
  t.equal(side.sent(), '000000000000000100000002' + '0000')
  t.strictSame(log.lines, ['sent'])
})

t.test('FIN follows the data and is sent once', async t => {
  const side = new Side()
  const { channel } = accepted(side)
  channel.send([Buffer.from('x')])
  channel.end()
  t.equal(side.sent(), '00000000000000010000000178' + '000100040000000100000000')
  channel.end()
  t.equal(side.sent(), '')
})

t.test('a FIN waits for data that waits for its window', async t => {
  const side = new Side()
  const { channel } = accepted(side)
  channel.send([Buffer.alloc(262_145)])
  channel.end()
  side.sent()
  side.receive(frame(WINDOW, 0, 1, 1))
  t.equal(side.sent(), '00000000000000010000000100' + '000100040000000100000000')
})

t.test('a stream that ended both ways is forgotten', async t => {
  const side = new Side()
  const { channel, log } = accepted(side)
  channel.end()
  side.sent()
  side.receive(frame(WINDOW, FIN, 1, 0))
  t.strictSame(log.lines, ['sent', 'end'])
  t.equal(side.session.streamCount, 0)
})

t.test('a FIN on a data frame comes after its bytes', async t => {
  const side = new Side()
  const { log } = accepted(side)
  side.receive(data(1, 'last', FIN))
  t.strictSame(log.lines, ['last', 'end'])
})

t.test('a ping is answered with its own value', async t => {
  const side = new Side()
  side.receive(frame(PING, SYN, 0, 0xdeadbeef))
  t.equal(side.sent(), '0002000200000000deadbeef')
})

t.test('RST ends a stream and its late frames are ignored', async t => {
  const side = new Side()
  const { log } = accepted(side)
  side.receive(frame(WINDOW, RST, 1, 0), data(1, 'late'), frame(WINDOW, FIN, 1, 0))
  t.strictSame(log.lines, ['STREAM_RESET'])
  t.equal(side.session.streamCount, 0)
})

t.test('an abandoned stream is reset; its late data is drained', async t => {
  const side = new Side()
  const { channel, log } = accepted(side)
  channel.send([Buffer.from('never sent')])
  channel.abandon()
  t.equal(side.sent(), '000100080000000100000000')
  side.receive(data(1, 'late'), frame(PING, SYN, 0, 7))
  t.equal(side.sent(), '000200020000000000000007')
  t.strictSame(log.lines, [])
})

t.test('a stream left after its FIN is not reset while the peer sends little', async t => {
  const side = new Side()
  const { channel } = accepted(side)
  channel.end()
  side.sent()
  channel.abandon()
  side.receive(data(1, 'a few last bytes'))
  t.equal(side.sent(), '')
  side.receive(frame(WINDOW, FIN, 1, 0))
  t.equal(side.session.streamCount, 0)
})

t.test('a stream left after its FIN is reset when the peer goes on sending', async t => {
  const side = new Side()
  const { channel } = accepted(side)
  channel.end()
  side.sent()
  channel.abandon()
  for (let sent = 0; sent < 9; sent++) side.receive(data(1, 'x'.repeat(65_536)))
  t.equal(side.sent(), '000100080000000100000000')
})

t.test('a stream left after its FIN is reset when the peer never ends it', async t => {
  const side = new Side()
  const { channel } = accepted(side)
  channel.end()
  side.sent()
  channel.abandon()
  t.equal(side.session.deadline(), 300_000)
  side.session.poll(300_000)
  t.equal(side.sent(), '000100080000000100000000')
  t.equal(side.session.streamCount, 0)
})

const violations: Record<string, (side: Side) => void> = {
  'data beyond the window': side => side.receive(data(1, 'x'.repeat(1_048_577))),
  'an unknown version': side => side.receive(Buffer.from('o{"version"')),
  'an unknown type': side => side.receive(frame(9, 0, 1, 0)),
  'a second FIN': side => side.receive(frame(WINDOW, FIN, 1, 0), frame(WINDOW, FIN, 1, 0)),
  'data after FIN': side => side.receive(frame(WINDOW, FIN, 1, 0), data(1, 'more')),
  'a stream opened twice': side => side.receive(frame(WINDOW, SYN, 1, 0)),
  'a stream with an id of ours': side => side.receive(frame(WINDOW, SYN, 2, 0)),
  'a stream with id 0': side => side.receive(frame(WINDOW, SYN, 0, 0)),
  'a go-away with an error': side => side.receive(frame(GO_AWAY, 0, 0, 1)),
}

for (const [name, violate] of Object.entries(violations)) {
  t.test(`${name} ends the session with a go-away frame`, async t => {
    const side = new Side()
    const { channel, log } = accepted(side)
    channel.send([Buffer.alloc(10)])
    t.throws(() => violate(side), { code: 'PROTOCOL_ERROR' })
    t.equal(side.sent().slice(-24), '000300000000000000000001')
    log.lines.length = 0
    side.receive(data(1, 'ignored'))
    t.strictSame(log.lines, [])
  })
}

t.test('more streams than the bound end the session', async t => {
  const side = new Side({ maxStreams: 2 })
  side.receive(frame(WINDOW, SYN, 1, 0), frame(WINDOW, SYN, 3, 0))
  t.throws(() => side.receive(frame(WINDOW, SYN, 5, 0)), { code: 'PROTOCOL_ERROR' })
})

t.test('a normal go-away does not', async t => {
  const side = new Side()
  const { log } = accepted(side)
  side.receive(frame(GO_AWAY, 0, 0, 0), data(1, 'still here'))
  t.strictSame(log.lines, ['still here'])
})

t.test('ids may come out of order, as goroutines of real frpc make them', async t => {
  const side = new Side()
  side.receive(frame(WINDOW, SYN, 3, 0), frame(WINDOW, SYN, 1, 0))
  t.strictSame(side.opened.map(({ id }) => id), [3, 1])
})

t.test('opens beyond the backlog wait for an ACK', async t => {
  const side = new Side({ role: 'client', backlog: 1 })
  side.session.open(0)
  t.equal(side.session.canOpen, false)
  side.receive(frame(WINDOW, ACK, 1, 0))
  t.equal(side.session.canOpen, true)
  t.equal(side.acknowledged, 1)
})

t.test('a stream that is reset before its ACK frees its place', async t => {
  const side = new Side({ role: 'client', backlog: 1 })
  side.session.open(0)
  side.receive(frame(WINDOW, RST, 1, 0))
  t.equal(side.session.canOpen, true)
})

t.test('a stream that is not acknowledged ends the session after 75 s', async t => {
  const { session } = new Side({ role: 'client' })
  session.open(1000)
  t.equal(session.deadline(), 76_000)
  session.poll(75_999)
  t.throws(() => session.poll(76_000), { code: 'TIMED_OUT' })
})

t.test('pings go out at once and at their interval, and measure the way', async t => {
  const side = new Side({ keepaliveMs: 30_000 })
  side.session.poll(0)
  t.equal(side.sent(), '000200010000000000000001')
  side.session.handleChunk(frame(PING, ACK, 0, 1), 40)
  t.equal(side.session.rttMs, 40)
  t.equal(side.session.deadline(), 30_000)
  side.session.poll(30_000)
  t.equal(side.sent(), '000200010000000000000002')
})

t.test('a ping without an answer ends the session after 10 s of silence', async t => {
  const side = new Side({ keepaliveMs: 30_000 })
  side.session.poll(0)
  side.session.handleChunk(frame(WINDOW, SYN, 1, 0), 5000)
  t.equal(side.session.deadline(), 15_000)
  side.session.poll(14_999)
  t.throws(() => side.session.poll(15_000), { code: 'TIMED_OUT' })
})

t.test('a connection that takes nothing for 10 s is dead', async t => {
  const { session } = new Side()
  session.handleProgress(true, 100)
  session.poll(10_099)
  t.throws(() => session.poll(10_100), { code: 'TIMED_OUT' })
})

t.test('a connection that moves is not', async t => {
  const { session } = new Side()
  session.handleProgress(true, 100)
  session.handleProgress(true, 9000)
  session.poll(18_999)
  session.handleProgress(false, 18_999)
  session.poll(1_000_000)
  t.equal(session.deadline(), undefined)
})

t.test('streams take turns of one frame', async t => {
  const side = new Side()
  const one = accepted(side, 1).channel
  const two = accepted(side, 3).channel
  one.send([Buffer.alloc(131_072)])
  two.send([Buffer.alloc(131_072)])
  const ids = []
  for (let turn = 0; turn < 4; turn++) ids.push(Number.parseInt(side.sent(1).slice(8, 16), 16))
  t.strictSame(ids, [1, 3, 1, 3])
})

t.test('answers go before everything else', async t => {
  const side = new Side()
  accepted(side).channel.send([Buffer.alloc(100_000)])
  side.receive(frame(PING, SYN, 0, 1))
  t.equal(side.sent(12), '000200020000000000000001')
})

t.test('when the session fails, streams fail with its reason', async t => {
  const side = new Side()
  const { log } = accepted(side)
  const { TunnelError } = await import('../../lib/errors.ts')
  side.session.failAll(new TunnelError('SESSION_CLOSED', 'gone'))
  t.strictSame(log.lines, ['SESSION_CLOSED'])
})

t.test('where the connection cannot say that it ends, frames do', async t => {
  const side = new Side({ endsByGoAway: true })
  side.receive(frame(WINDOW, SYN, 1, 0))
  side.sent()
  side.session.leave()
  const last = Buffer.concat([frame(WINDOW, RST, 1, 0), frame(GO_AWAY, 0, 0, 0)])
  t.equal(side.sent(), last.toString('hex'))
  side.receive(frame(GO_AWAY, 0, 0, 0))
  t.equal(side.isGone, true)
})

t.test('elsewhere neither is said, and a go-away of a peer ends nothing', async t => {
  const side = new Side()
  side.session.leave()
  side.receive(frame(GO_AWAY, 0, 0, 0))
  t.equal(side.sent(), '')
  t.equal(side.isGone, false)
})
