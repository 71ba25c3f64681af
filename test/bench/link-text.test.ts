import { readFileSync } from 'node:fs'
import t from 'tap'
import { describeLink, parseLink } from '../../bench/link-text.ts'
import { PRESETS } from '../../bench/presets.ts'

t.test('a link in words has its delay one way, as in tc, and its queue from its rate', async t => {
  const { name, link } = parseLink('delay=40ms,loss=2%,rate=50m')
  const direction = { delayMs: 40, loss: 0.02, rateBitsPerSecond: 50e6, queueBytes: 312_500 }
  t.equal(name, undefined)
  t.strictSame(link, { up: direction, down: direction, userRoundTripMs: 80 })
})

t.test('rtt is both ways, and the user is as far away as he says', async t => {
  const { link } = parseLink('rtt=50ms,user-rtt=0.5s')
  t.strictSame(link, { up: { delayMs: 25 }, down: { delayMs: 25 }, userRoundTripMs: 500 })
})

t.test('a direction can differ', async t => {
  const { link } = parseLink('delay=1ms,up.rate=8k,up.queue=2k,down.delay=200us,down.mtu=1400')
  t.strictSame(link.up, { delayMs: 1, rateBitsPerSecond: 8000, queueBytes: 2000 })
  t.strictSame(link.down, { delayMs: 0.2, mtu: 1400 })
  t.equal(link.userRoundTripMs, 1.2)
})

t.test('a burst is a share and a mean length', async t => {
  const { burst } = parseLink('burst=1%/5').link.up
  t.equal(burst?.leave, 0.2)
  t.equal(burst?.loss, 1)
  const badShare = (burst?.enter ?? 0) / ((burst?.enter ?? 0) + 0.2)
  t.ok(Math.abs(badShare - 0.01) < 1e-12, 'one packet in a hundred')
})

t.test('late and doubled packets', async t => {
  const { up } = parseLink('reorder=1%/10ms,duplicate=0.5%,jitter=3ms').link
  t.strictSame(up, {
    reorder: { probability: 0.01, delayMs: 10 },
    duplicate: 0.005,
    jitterMs: 3,
  })
})

t.test('a preset is found in any case and can be changed behind its name', async t => {
  const { name, link } = parseLink('4G,loss=1%,up.rate=5m')
  t.equal(name, '4g')
  t.equal(link.down.loss, 0.01)
  t.equal(link.up.rateBitsPerSecond, 5e6)
  t.equal(link.down.rateBitsPerSecond, 30e6)
})

t.test('every preset is a link', async t => {
  for (const { name } of PRESETS) {
    const { link } = parseLink(name)
    t.ok((link.up.delayMs ?? 0) > 0 && link.userRoundTripMs > 0, name)
    t.ok(describeLink(link).length > 20, describeLink(link))
  }
  t.equal(new Set(PRESETS.map(({ name }) => name)).size, PRESETS.length)
})

t.test('a wrong word says what would be right', async t => {
  const cases: [string, RegExp][] = [
    ['3g', /no link is named "3g"; there are fibre, cable/],
    ['', /no link is named ""/],
    ['constructor', /no link is named/],
    ['delay', /no link is named "delay"/],
    ['4g,loss', /"loss" has no value/],
    ['loss=2', /loss=2: .* such as 2%/],
    ['loss=101%', /a share in per cent/],
    ['loss=-1%', /a share in per cent/],
    ['delay=40', /delay=40: .* such as 40ms/],
    ['delay=11s', /up to 10 s/],
    ['rate=50', /such as 50m/],
    ['rate=0m', /from 8k/],
    ['queue=100', /from 1500 on/],
    ['mtu=500', /from 576/],
    ['mtu=1400.5', /from 576/],
    ['burst=1%', /such as 1%\/5/],
    ['burst=60%/5', /up to 50%/],
    ['burst=1%/0', /from 1 on/],
    ['reorder=1%', /such as 1%\/10ms/],
    ['speed=1m', /unknown key "speed"; there are delay, rtt/],
    ['toString=1m', /unknown key/],
    ['up.user-rtt=10ms', /unknown key "up.user-rtt"/],
    ['left.delay=1ms', /unknown key "left.delay"/],
    ['delay=1ms,,', /"" has no value/],
  ]
  for (const [text, message] of cases) t.throws(() => parseLink(text), { message }, text)
})

t.test('both directions are told apart in words only where they differ', async t => {
  t.equal(
    describeLink(parseLink('delay=40ms,loss=2%,rate=50m,queue=250k').link),
    "frpc's line each way 50 Mbit/s, 40 ms, 2 % loss, queue 250 kB; user's leg 80 ms there and back",
  )
  t.equal(
    describeLink(parseLink('delay=10ms,up.rate=2m,user-rtt=5ms').link),
    "frpc's line down 10 ms; up 2 Mbit/s, 10 ms, queue 30 kB; user's leg 5 ms there and back",
  )
})

t.test('the words that the README shows are words of a link', async t => {
  const table = /\| word of `--emulate`[^]*?\n\n/.exec(readFileSync('README.md', 'utf8'))?.[0] ?? ''
  const words = [...table.matchAll(/^\| ([^|]*) \|/gm)].flatMap(([, cell = '']) => {
    return [...cell.matchAll(/`([^`-][^`]*)`/g)].map(([, word = '']) => word)
  })
  t.ok(words.length > 15, words.join(' '))
  for (const word of words) t.doesNotThrow(() => parseLink(word), word)
})
