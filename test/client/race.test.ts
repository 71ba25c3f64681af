import t from 'tap'
import { Race, RaceMemory, type RaceOutput, type RaceWay } from '../../lib/client/race.ts'

function setUp(remembered?: RaceWay): { race: Race; learned: RaceWay[] } {
  const learned: RaceWay[] = []
  return { race: new Race({ remembered, learn: way => learned.push(way) }, 0), learned }
}

function drain(race: Race, now: number): RaceOutput[] {
  const outputs: RaceOutput[] = []
  for (;;) {
    const output = race.poll(now)
    if (!output) return outputs
    outputs.push(output)
  }
}

const dial = (way: RaceWay): RaceOutput => ({ type: 'dial', way })
const won = (way: RaceWay): RaceOutput => ({ type: 'won', way })
const drop = (way: RaceWay): RaceOutput => ({ type: 'drop', way })

t.test('QUIC starts at once and TCP 250 ms later', async t => {
  const { race } = setUp()
  t.strictSame(drain(race, 0), [dial('quic')])
  t.equal(race.deadline(), 250)
  t.strictSame(drain(race, 249), [])
  t.strictSame(drain(race, 250), [dial('tcp')])
})

t.test('a QUIC that fails early starts TCP at once', async t => {
  const { race } = setUp()
  drain(race, 0)
  race.handleFailed('quic', 30)
  t.strictSame(drain(race, 30), [dial('tcp')])
})

t.test('QUIC within its head start wins alone', async t => {
  const { race, learned } = setUp()
  drain(race, 0)
  race.handleEstablished('quic')
  t.strictSame(drain(race, 40), [won('quic')])
  t.strictSame(drain(race, 10_000), [])
  t.equal(race.deadline(), undefined)
  t.strictSame(learned, ['quic'])
})

t.test('a TCP that loses is dropped', async t => {
  const { race } = setUp()
  drain(race, 0)
  drain(race, 250)
  race.handleEstablished('quic')
  t.strictSame(drain(race, 300), [won('quic'), drop('tcp')])
})

t.test('TCP wins over a silent QUIC and is remembered', async t => {
  const { race, learned } = setUp()
  drain(race, 0)
  drain(race, 250)
  race.handleEstablished('tcp')
  t.strictSame(drain(race, 300), [won('tcp')])
  race.handleFailed('quic', 10_000)
  t.strictSame(drain(race, 10_000), [])
  t.strictSame(learned, ['tcp'])
})

t.test('a QUIC that comes later is closed, and preferred the next time', async t => {
  const { race, learned } = setUp()
  drain(race, 0)
  drain(race, 250)
  race.handleEstablished('tcp')
  drain(race, 300)
  race.handleEstablished('quic')
  t.strictSame(drain(race, 1_200), [drop('quic')])
  t.strictSame(learned, ['tcp', 'quic'])
})

t.test('a remembered TCP goes alone for a second', async t => {
  const { race, learned } = setUp('tcp')
  t.strictSame(drain(race, 0), [dial('tcp')])
  t.strictSame(drain(race, 999), [])
  race.handleEstablished('tcp')
  t.strictSame(drain(race, 999), [won('tcp')])
  t.strictSame(drain(race, 10_000), [])
  t.strictSame(learned, ['tcp'])
})

t.test('when the remembered way fails the other is tried at once', async t => {
  const tcp = setUp('tcp').race
  drain(tcp, 0)
  tcp.handleFailed('tcp', 5)
  t.strictSame(drain(tcp, 5), [dial('quic')])
  const quic = setUp('quic').race
  drain(quic, 0)
  quic.handleFailed('quic', 5)
  t.strictSame(drain(quic, 5), [dial('tcp')])
})

t.test('a silent remembered QUIC is joined by TCP after a second', async t => {
  const { race } = setUp('quic')
  drain(race, 0)
  t.equal(race.deadline(), 1_000)
  t.strictSame(drain(race, 1_000), [dial('tcp')])
})

t.test('a refused TCP knocks again every 500 ms while QUIC is silent', async t => {
  const { race } = setUp()
  drain(race, 0)
  drain(race, 250)
  race.handleFailed('tcp', 251)
  t.equal(race.deadline(), 751)
  t.strictSame(drain(race, 751), [dial('tcp')])
  race.handleEstablished('tcp')
  t.strictSame(drain(race, 760), [won('tcp')])
})

t.test('QUIC is given up 1.3 s after its start when TCP is refused', async t => {
  const { race, learned } = setUp()
  drain(race, 0)
  let now = 250
  const seen: RaceOutput[] = []
  for (let turn = 0; turn < 20 && !seen.some(output => output.type === 'failed'); turn++) {
    const outputs = drain(race, now)
    if (outputs.some(output => output.type === 'dial')) race.handleFailed('tcp', now)
    seen.push(...outputs)
    now = race.deadline() ?? now
  }
  t.equal(now, 1_300)
  t.strictSame(seen.slice(-2), [drop('quic'), { type: 'failed' }])
  t.equal(race.deadline(), undefined)
  t.strictSame(learned, [])
})

t.test('both refused is a failure at once', async t => {
  const { race } = setUp()
  drain(race, 0)
  race.handleFailed('quic', 10)
  drain(race, 10)
  race.handleFailed('tcp', 11)
  t.strictSame(drain(race, 11), [{ type: 'failed' }])
})

t.test('where QUIC cannot work at all nobody waits for it', async t => {
  const { race } = setUp('tcp')
  drain(race, 0)
  race.handleFailed('tcp', 5)
  drain(race, 5)
  race.handleFailed('quic', 6, { forGood: true })
  t.strictSame(drain(race, 6), [{ type: 'failed' }])
})

t.test('a report about a way that is not dialled is ignored', async t => {
  const { race } = setUp()
  drain(race, 0)
  race.handleEstablished('tcp')
  race.handleFailed('tcp', 1)
  t.strictSame(drain(race, 1), [])
})

t.test('what was learned holds in its own network only', async t => {
  const memory = new RaceMemory()
  t.equal(memory.recall('home'), undefined)
  memory.learn('tcp', 'home')
  t.equal(memory.recall('home'), 'tcp')
  t.equal(memory.recall('train'), undefined)
  memory.learn('quic', 'train')
  t.equal(memory.recall('home'), undefined)
})
