import t from 'tap'
import { ManualClock } from '../../lib/clock.ts'
import { TunnelError } from '../../lib/errors.ts'
import { silentLogger } from '../../lib/log.ts'
import { autoDialer } from '../../lib/client/auto-dialer.ts'
import type { Way } from '../../lib/client/attempt.ts'
import { memoryPair } from '../../lib/transport/memory.ts'
import type { Session } from '../../lib/transport/transport.ts'

interface Dial {
  readonly signal: AbortSignal
  bring(): Session
  fail(error: TunnelError): void
}

/** A way whose dials end when the test says so. */
class HeldWay implements Way {
  readonly dials: Dial[] = []
  isClosed = false

  dial({ signal = new AbortController().signal }: { signal?: AbortSignal } = {}): Promise<Session> {
    return new Promise((resolve, reject) => {
      const bring = (): Session => {
        const [session] = memoryPair()
        resolve(session)
        return session
      }
      signal.addEventListener('abort', () => reject(new TunnelError('ABORTED', 'cut')))
      this.dials.push({ signal, bring, fail: reject })
    })
  }

  async close(): Promise<void> {
    this.isClosed = true
  }

  last(): Dial {
    const dial = this.dials.at(-1)
    if (!dial) throw new Error('nobody dials')
    return dial
  }
}

interface World {
  readonly quic: HeldWay
  readonly tcp: HeldWay
  readonly clock: ManualClock
  readonly way: Way
  /** Moves to another network. */
  move(): void
}

function world(): World {
  const quic = new HeldWay()
  const tcp = new HeldWay()
  const clock = new ManualClock()
  let network = 1
  const way = autoDialer({ quic, tcp, clock, log: silentLogger, network: () => `net ${network}` })
  return { quic, tcp, clock, way, move: () => network++ }
}

const REFUSED = new TunnelError('CONNECT_FAILED', 'refused')
const settle = (): Promise<void> => new Promise(setImmediate)

t.test('the session of the winner is handed over and the loser is aborted', async t => {
  const { quic, tcp, clock, way } = world()
  const dialling = way.dial()
  clock.advance(250)
  const session = quic.last().bring()
  t.equal(await dialling, session)
  t.ok(tcp.last().signal.aborted)
})

t.test('a TCP that comes right after the winner is closed', async t => {
  const { quic, tcp, clock, way } = world()
  const dialling = way.dial()
  clock.advance(250)
  const session = quic.last().bring()
  const late = tcp.last().bring()
  t.equal(await dialling, session)
  t.match(await late.closed, { by: 'local' })
})

t.test('a late QUIC is closed and tried first the next time', async t => {
  const { quic, tcp, clock, way } = world()
  const first = way.dial()
  clock.advance(250)
  const session = tcp.last().bring()
  t.equal(await first, session)
  t.notOk(quic.last().signal.aborted)
  const late = quic.last().bring()
  t.match(await late.closed, { by: 'local' })
  const second = way.dial()
  clock.advance(999)
  t.equal(quic.dials.length, 2)
  t.equal(tcp.dials.length, 1)
  const next = quic.last().bring()
  t.equal(await second, next)
})

t.test('TCP that won is used alone until the network changes', async t => {
  const { quic, tcp, clock, way, move } = world()
  const first = way.dial()
  clock.advance(250)
  tcp.last().bring()
  await first
  quic.last().fail(REFUSED)
  await settle()
  const second = way.dial()
  tcp.last().bring()
  await second
  t.equal(quic.dials.length, 1)
  move()
  const third = way.dial()
  t.equal(quic.dials.length, 2)
  quic.last().bring()
  await third
})

t.test('both reasons are told when both fail', async t => {
  const { quic, tcp, way } = world()
  const dialling = way.dial()
  quic.last().fail(new TunnelError('TIMED_OUT', 'no answer'))
  await settle()
  tcp.last().fail(REFUSED)
  await t.rejects(dialling, { code: 'CONNECT_FAILED', detail: 'quic: no answer; tcp: refused' })
})

t.test('where QUIC is missing TCP alone decides', async t => {
  const { quic, tcp, way } = world()
  const dialling = way.dial()
  quic.last().fail(new TunnelError('UNSUPPORTED', 'no binding'))
  await settle()
  tcp.last().fail(REFUSED)
  await t.rejects(dialling, { code: 'CONNECT_FAILED' })
})

t.test('aborting ends both dials', async t => {
  const { quic, tcp, clock, way } = world()
  const abort = new AbortController()
  const dialling = way.dial({ signal: abort.signal })
  clock.advance(250)
  abort.abort()
  await t.rejects(dialling, { code: 'ABORTED' })
  t.ok(quic.last().signal.aborted)
  t.ok(tcp.last().signal.aborted)
})

t.test('closing ends a race, a late QUIC and both ways', async t => {
  const { quic, tcp, clock, way } = world()
  const first = way.dial()
  clock.advance(250)
  tcp.last().bring()
  await first
  t.notOk(quic.last().signal.aborted)
  await way.close()
  t.ok(quic.last().signal.aborted)
  t.ok(quic.isClosed && tcp.isClosed)
  await t.rejects(way.dial(), { code: 'ABORTED' })
})
