import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Loader } from '../../bench/load/loader.ts'
import { epochNow, rateBetween } from '../../bench/load/progress.ts'
import { freePorts } from '../../bench/peers/free-ports.ts'
import type { Site } from '../../bench/site.ts'

const HOST = '127.0.0.1'

const site: Site = {
  kind: 'loopback',
  addresses: { user: HOST, server: HOST, client: HOST, near: HOST },
  command: (_role, argv) => argv,
}

async function started(t: Test): Promise<Loader> {
  const load = await Loader.start({ site, servicesAt: 'client' })
  t.teardown(() => load.close())
  return load
}

/** A service that does what it should not; gives its port. */
async function odd(t: Test, serve: (socket: Socket) => void): Promise<number> {
  const server = createServer(socket => {
    socket.on('error', () => {})
    serve(socket)
  })
  await new Promise<void>(resolve => server.listen(0, HOST, resolve))
  t.teardown(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

t.test('bulk counts what arrives in its window, in both directions', async t => {
  const load = await started(t)
  const window = { warmUpMs: 200, measureMs: 300, pids: [process.pid] }
  for (const direction of ['down', 'up'] as const) {
    const port = direction === 'down' ? load.ports.source : load.ports.sink
    const begin = epochNow()
    const result = await load.ask({ type: 'bulk', direction, host: HOST, port, ...window })
    t.ok(result.bytes > 1e6, `${direction}: ${result.bytes} bytes`)
    t.ok(result.elapsedMs >= 299, `${result.elapsedMs} ms`)
    // The time line and the window tell one story, on the clock that the bench shares.
    t.ok(result.startedAt >= begin - 1 && result.startedAt < epochNow())
    const to = result.startedAt + 480
    const rate = rateBetween(result.progress, to - 200, to)
    const mbits = (result.bytes * 8) / 1e3 / result.elapsedMs
    t.ok(rate > mbits / 5 && rate < mbits * 5, `${direction}: ${rate} of ${mbits} Mbit/s`)
  }
})

t.test('bulk through a door that sends nothing fails with the reason', async t => {
  const load = await started(t)
  const request = { type: 'bulk', warmUpMs: 50, measureMs: 50, pids: [], host: HOST } as const
  await t.rejects(load.ask({ ...request, direction: 'down', port: load.ports.echo }), {
    message: /no byte came through/,
  })
})

t.test('a transfer that breaks is a failure, or an answer where that was asked', async t => {
  const load = await started(t)
  const port = await odd(t, socket => {
    socket.write('x', () => setTimeout(() => socket.destroy(), 100))
  })
  const request = { type: 'bulk', warmUpMs: 50, measureMs: 30_000, pids: [], host: HOST } as const
  const down = { ...request, direction: 'down', port } as const
  await t.rejects(load.ask(down), { message: /in the middle of the transfer/ })
  const { brokenAt = 0, startedAt } = await load.ask({ ...down, mayBreak: true })
  t.ok(brokenAt > startedAt && brokenAt <= epochNow())
})

t.test('echo gives as many samples as asked for', async t => {
  const load = await started(t)
  const { samplesUs } = await load.ask({
    type: 'echo',
    payloadBytes: 32,
    warmUp: 5,
    samples: 20,
    limitMs: 30_000,
    host: HOST,
    port: load.ports.echo,
  })
  t.equal(samplesUs.length, 20)
  t.ok(samplesUs.every(sample => sample > 0))
})

t.test('an echo that stops coming back ends with the time it took so far', async t => {
  const load = await started(t)
  const request = { type: 'echo', payloadBytes: 32, warmUp: 0, samples: 20, limitMs: 100 } as const
  const port = await odd(t, socket => void socket.resume())
  const { samplesUs } = await load.ask({ ...request, host: HOST, port })
  t.equal(samplesUs.length, 1)
  t.ok((samplesUs[0] ?? 0) > 90_000)
})

const TYPING = { payloadBytes: 32, intervalMs: 10, warmUpMs: 50, measureMs: 200, drainMs: 100 }

t.test('keystrokes go on while their answers stay away', async t => {
  const load = await started(t)
  const door = { host: HOST, port: load.ports.echo }
  const heard = await load.ask({ type: 'keystroke', ...door, ...TYPING })
  t.equal(heard.samplesMs.length, 20)
  t.ok(heard.samplesMs.every(sample => sample > 0 && sample < 5_000))
  // None is sent before its time; when the machine is busy some leave late, together.
  const [first = 0] = heard.sentAt
  t.ok(heard.sentAt.every((at, index) => at - first > index * 10 - 12))

  const silent = await odd(t, socket => void socket.resume())
  const unheard = await load.ask({ type: 'keystroke', host: HOST, port: silent, ...TYPING })
  t.strictSame([...unheard.samplesMs], new Array(20).fill(Infinity))
})

t.test('a late answer is late for its keystroke and for no other', async t => {
  const load = await started(t)
  const port = await odd(t, socket => {
    let isHeld = false
    socket.on('data', chunk => {
      if (isHeld) return void socket.write(chunk)
      isHeld = true
      socket.cork()
      socket.write(chunk)
      setTimeout(() => socket.uncork(), 300)
    })
  })
  const typing = { ...TYPING, warmUpMs: 0, intervalMs: 100, measureMs: 1000, drainMs: 30_000 }
  const { samplesMs } = await load.ask({ type: 'keystroke', host: HOST, port, ...typing })
  t.equal(samplesMs.length, 10)
  t.ok((samplesMs[0] ?? 0) >= 299, `${samplesMs[0]} ms`)
  t.ok(samplesMs.every(Number.isFinite))
})

t.test('a session that was idle until a moment types from that moment on', async t => {
  const load = await started(t)
  const startAt = epochNow() + 300
  const door = { host: HOST, port: load.ports.echo }
  const result = await load.ask({ type: 'keystroke', ...door, ...TYPING, warmUpMs: 0, startAt })
  t.ok((result.sentAt[0] ?? 0) >= startAt - 2)
  t.ok(result.samplesMs.every(sample => sample > 0 && sample < 5_000))
})

t.test('a keystroke connection that is closed fails the run, or is the answer', async t => {
  const load = await started(t)
  const port = await odd(t, socket => socket.once('data', () => socket.destroy()))
  const request = { type: 'keystroke', host: HOST, port, ...TYPING } as const
  await t.rejects(load.ask(request), { message: /echo connection/ })
  const { brokenAt = 0 } = await load.ask({ ...request, mayBreak: true })
  t.ok(brokenAt > 0)
})

t.test('a game counts the datagrams that come back, and those that do not', async t => {
  const load = await started(t)
  const game = { type: 'game', ...TYPING, payloadBytes: 100, host: HOST } as const
  const played = await load.ask({ ...game, drainMs: 10_000, port: load.ports.datagrams ?? 0 })
  t.equal(played.samplesMs.length, 20)
  t.ok(played.samplesMs.every(sample => sample > 0 && sample < 10_000))
  const [nobody = 0] = await freePorts(1)
  const lost = await load.ask({ ...game, port: nobody })
  t.strictSame([...lost.samplesMs], new Array(20).fill(Infinity))
})

t.test('a first byte is timed from the request and from the call', async t => {
  const load = await started(t)
  const { answerMs, totalMs } = await load.ask({
    type: 'firstByte',
    host: HOST,
    port: load.ports.echo,
    parallel: 3,
    waves: 2,
    pauseMs: 1,
  })
  t.equal(answerMs.length, 6)
  t.ok(answerMs.every((value, index) => value > 0 && value <= (totalMs[index] ?? 0)))
})

t.test('short connections are counted in all lanes', async t => {
  const load = await started(t)
  const request = { type: 'connect', parallel: 4, warmUpMs: 20, measureMs: 300 } as const
  const door = { host: HOST, port: load.ports.echo }
  const { completed, elapsedMs } = await load.ask({ ...request, ...door })
  t.ok(completed > 4, `${completed} connections`)
  t.ok(elapsedMs > 0)
})

t.test('a connection that is closed without an answer fails the run', async t => {
  const load = await started(t)
  const port = await odd(t, socket => socket.on('data', () => socket.end()))
  const request = { type: 'connect', parallel: 1, warmUpMs: 0, measureMs: 300 } as const
  await t.rejects(load.ask({ ...request, host: HOST, port }), { message: /closed before/ })
  const once = { type: 'firstByte', parallel: 1, waves: 1, pauseMs: 0 } as const
  await t.rejects(load.ask({ ...once, host: HOST, port }), { message: /closed before/ })
})

t.test('a stalled reader leaves nearly all of its bytes at the source', async t => {
  const load = await started(t)
  await load.services.ask({ type: 'limitSource', bytes: 1e9 })
  await load.ask({ type: 'stall', host: HOST, port: load.ports.source })
  const taken = await load.services.ask({ type: 'sourceBytes' })
  t.ok(taken > 0 && taken < 64e6, `${taken} bytes`)
  await load.ask({ type: 'release' })
})

t.test('what is asked of a load process that ended is refused', async t => {
  const load = await started(t)
  const window = { warmUpMs: 30_000, measureMs: 1, pids: [] }
  const door = { host: HOST, port: load.ports.source }
  const pending = load.ask({ type: 'bulk', direction: 'down', ...door, ...window })
  load.close()
  await t.rejects(pending, { message: /load process ended with SIGKILL/ })
  await t.rejects(load.ask({ type: 'release' }), { message: /load process is gone/ })
})

t.test('a host whose command does not start says so, and leaves no process', async t => {
  const broken: Site = { ...site, kind: 'lab', command: () => ['/no/such/command'] }
  await t.rejects(Loader.start({ site: broken, servicesAt: 'client' }), { message: /ENOENT/ })
})

t.test('free ports differ from each other and stay below the ephemeral range', async t => {
  const ports = await freePorts(20)
  t.equal(new Set(ports).size, 20)
  t.ok(ports.every(port => port >= 12_000 && port < 32_000))
})
