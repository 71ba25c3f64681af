import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { Loader } from '../../bench/load/loader.ts'
import { freePorts } from '../../bench/peers/free-ports.ts'

async function started(t: Test): Promise<Loader> {
  const load = await Loader.start()
  t.teardown(() => load.close())
  return load
}

t.test('bulk counts what arrives in its window, in both directions', async t => {
  const load = await started(t)
  const window = { warmUpMs: 200, measureMs: 200, pids: [process.pid] }
  for (const direction of ['down', 'up'] as const) {
    const port = direction === 'down' ? load.ports.source : load.ports.sink
    const result = await load.ask({ type: 'bulk', direction, port, ...window })
    t.ok(result.bytes > 1e6, `${direction}: ${result.bytes} bytes`)
    t.ok(result.elapsedMs >= 199, `${result.elapsedMs} ms`)
  }
})

t.test('bulk through a door that sends nothing fails with the reason', async t => {
  const load = await started(t)
  const request = {
    type: 'bulk',
    direction: 'down',
    warmUpMs: 50,
    measureMs: 50,
    pids: []
  } as const
  await t.rejects(load.ask({ ...request, port: load.ports.echo }), {
    message: /no byte came through/
  })
})

t.test('echo gives as many samples as asked for', async t => {
  const load = await started(t)
  const request = {
    type: 'echo',
    payloadBytes: 32,
    warmUp: 5,
    samples: 20,
    limitMs: 30_000
  } as const
  const { samplesUs } = await load.ask({ ...request, port: load.ports.echo })
  t.equal(samplesUs.length, 20)
  t.ok(samplesUs.every(sample => sample > 0))
})

t.test('an echo that stops coming back ends with the time it took so far', async t => {
  const load = await started(t)
  const request = { type: 'echo', payloadBytes: 32, warmUp: 0, samples: 20, limitMs: 100 } as const
  const { samplesUs } = await load.ask({ ...request, port: load.ports.sink })
  t.equal(samplesUs.length, 1)
  t.ok((samplesUs[0] ?? 0) > 90_000)
})

t.test('short connections are counted in all lanes', async t => {
  const load = await started(t)
  const request = { type: 'connect', parallel: 4, warmUpMs: 20, measureMs: 300 } as const
  const { completed, elapsedMs } = await load.ask({ ...request, port: load.ports.echo })
  t.ok(completed > 4, `${completed} connections`)
  t.ok(elapsedMs > 0)
})

t.test('a connection that is closed without an answer fails the run', async t => {
  const load = await started(t)
  const server = createServer(socket => socket.on('data', () => socket.end()))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const request = { type: 'connect', parallel: 1, warmUpMs: 0, measureMs: 300 } as const
  await t.rejects(load.ask({ ...request, port }), { message: /closed before its answer/ })
})

t.test('a stalled reader leaves nearly all of its bytes at the source', async t => {
  const load = await started(t)
  await load.ask({ type: 'stall', port: load.ports.source, waitingBytes: 1e9 })
  const taken = await load.ask({ type: 'stalledBytes' })
  t.ok(taken > 0 && taken < 64e6, `${taken} bytes`)
  await load.ask({ type: 'release' })
})

t.test('what is asked of a load process that ended is refused', async t => {
  const load = await started(t)
  const window = { warmUpMs: 30_000, measureMs: 1, pids: [] }
  const port = load.ports.source
  const pending = load.ask({ type: 'bulk', direction: 'down', port, ...window })
  load.close()
  await t.rejects(pending, { message: /load process ended with SIGKILL/ })
  await t.rejects(load.ask({ type: 'release' }), { message: /load process is gone/ })
})

t.test('free ports differ from each other and stay below the ephemeral range', async t => {
  const ports = await freePorts(20)
  t.equal(new Set(ports).size, 20)
  t.ok(ports.every(port => port >= 12_000 && port < 32_000))
})
