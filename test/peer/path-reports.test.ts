// What a policy is told of the traffic, and how often.

import t from 'tap'
import type { Route } from '../../nat/index.ts'
import { PathReports } from '../../lib/peer/path-reports.ts'

type Policy = ConstructorParameters<typeof PathReports>[0]
type Session = NonNullable<Parameters<PathReports['handleSent']>[0]>

interface Rig {
  readonly reports: PathReports
  readonly told: string[]
  readonly session: { -readonly [K in keyof Session]: Session[K] }
}

function rig(): Rig {
  const told: string[] = []
  const policy: Policy = {
    handleInbound: (route, now) => void told.push(`in ${String(route)} ${now}`),
    handleOutbound: now => void told.push(`out ${now}`),
    handleActivity: now => void told.push(`activity ${now}`),
    handleDelivery: ({ loss, isLoaded }) => void told.push(`loss ${loss} ${isLoaded}`),
  }
  const session = { isAwaitingAnswer: true, packetsReceived: 0, delivery: undefined }
  return { reports: new PathReports(policy), told, session }
}

const silent = { takeProgress: () => false }
const busy = { takeProgress: () => true }
const relay: Route = 'relay'

t.test('what leaves is told once in 5 ms, and never where no answer is awaited', async t => {
  const { reports, told, session } = rig()
  t.notOk(reports.handleSent(undefined, busy, 0), 'there is no session yet')
  t.ok(reports.handleSent(session, silent, 10))
  t.notOk(reports.handleSent(session, busy, 14))
  t.ok(reports.handleSent(session, busy, 15))
  session.isAwaitingAnswer = false
  t.notOk(reports.handleSent(session, busy, 30))
  t.strictSame(told, ['out 10', 'out 15', 'activity 15'])
})

t.test('a way works when QUIC could read what came by it', async t => {
  const { reports, told, session } = rig()
  t.notOk(reports.handleHeard(session, [relay], 0), 'junk')
  session.packetsReceived = 1
  t.ok(reports.handleHeard(session, [relay], 1))
  session.packetsReceived = 2
  t.notOk(reports.handleHeard(session, [relay], 5))
  reports.forget(relay)
  session.packetsReceived = 3
  t.ok(reports.handleHeard(session, [relay], 5), 'it is a new one')
  t.strictSame(told, ['in relay 1', 'in relay 5'])
})

t.test('what was lost is told once a second, as a share of what was sent', async t => {
  const { reports, told, session } = rig()
  const hear = (now: number, sentBytes: number, lostBytes: number): void => {
    session.packetsReceived++
    session.delivery = { rate: 1_000, sentBytes, lostBytes }
    reports.handleHeard(session, [relay], now)
  }
  hear(0, 5_000, 5_000)
  hear(990, 6_000, 5_000)
  hear(1_000, 6_000, 5_100)
  hear(2_000, 6_000, 5_100)
  hear(3_000, 6_400, 5_100)
  const losses = told.filter(line => line.startsWith('loss'))
  t.strictSame(losses, ['loss 0.1 true', 'loss 0 false'])
})
