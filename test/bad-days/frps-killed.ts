// frps is killed and started again 20 times; its client, which stays, must be back each time. One
// suite for both transports.

import { on } from 'node:events'
import t from 'tap'
import { clientConfigFromValues, createClient } from '../../lib/index.ts'
import { freePorts } from '../../bench/peers/free-ports.ts'
import { Running } from '../cli/program.ts'
import { echo, readBytes, service, user } from '../compliance/tunnel.ts'

const ROUNDS = 20

/** From the line "frps started successfully" to the proxy's being up. */
const BACK_WITHIN_MS = 3_000

export function frpsKilledSuite(protocol: 'quic' | 'tcp'): void {
  t.test(`${protocol}: frpc is back within 3 s each of ${ROUNDS} times`, async t => {
    const [bindPort = 0, publicPort = 0] = await freePorts(2)
    const startServer = async (): Promise<Running> => {
      const flags = ['-p', `${bindPort}`, '--bind_addr', '127.0.0.1']
      const frps = new Running('frps', flags)
      t.teardown(() => frps.kill())
      await frps.printed('frps started successfully')
      return frps
    }
    let frps = await startServer()
    const localPort = await service(t, echo)
    const { config, proxies } = clientConfigFromValues({
      common: {
        serverAddr: '127.0.0.1',
        serverPort: bindPort,
        transport: { protocol },
      },
      proxies: [{ name: 'echo', type: 'tcp', localPort, remotePort: publicPort }],
    })
    const client = createClient({ config, proxies, visitors: [] })
    t.teardown(() => client.close({ graceMs: 0 }))
    const up = on(client, 'proxyUp')
    await client.start()
    await up.next()
    const slow: number[] = []
    const took: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const cut = await user(t, publicPort)
      // A reset, which once() would take for its own error.
      const isCut = new Promise(resolve => cut.resume().on('end', resolve).on('close', resolve))
      await frps.kill()
      await isCut
      frps = await startServer()
      const startedAt = performance.now()
      await up.next()
      const ms = Math.round(performance.now() - startedAt)
      took.push(ms)
      if (ms > BACK_WITHIN_MS) slow.push(ms)
      const socket = await user(t, publicPort)
      socket.write('ping')
      if ((await readBytes(socket, 4)).toString() !== 'ping') t.fail(`round ${round}: no answer`)
      socket.destroy()
    }
    t.comment(`back after ${took.join(', ')} ms`)
    t.strictSame(slow, [], 'no round took longer than 3 s')
  })
}
