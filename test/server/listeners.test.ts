import t from 'tap'
import type { Address } from '../../lib/address.ts'
import type { ServerConfig } from '../../lib/config/index.ts'
import { TunnelError } from '../../lib/errors.ts'
import { type LogLevel, type Logger, silentLogger } from '../../lib/log.ts'
import { openListeners, type OpenListener } from '../../lib/server/listeners.ts'
import type { Listener, Protocol } from '../../lib/transport/transport.ts'
import { configOf } from './scripted-peer.ts'

interface Recorder {
  readonly lines: string[]
  readonly log: Logger
}

function recorder(): Recorder {
  const lines: string[] = []
  const at = (level: LogLevel) => (text: string): void => void lines.push(`${level} ${text}`)
  return { lines, log: { ...silentLogger, info: at('info'), warn: at('warn') } }
}

/** Opens anything that is not in `taken`; port 0 gives 5000, 5001, ... */
function fakeNetwork(taken: readonly string[] = []): {
  open: (protocol: Protocol) => OpenListener
  opened: string[]
} {
  let next = 5000
  const opened: string[] = []
  const open =
    (protocol: Protocol): OpenListener =>
    async ({ ip, port }: Address): Promise<Listener> => {
      const chosen = port === 0 ? next++ : port
      const name = `${protocol} ${ip}:${chosen}`
      if (taken.includes(name)) throw new TunnelError('ADDRESS_IN_USE', `${name} is taken`)
      opened.push(name)
      return {
        protocol,
        address: { ip, port: chosen },
        close: async () => void opened.splice(opened.indexOf(name), 1),
      }
    }
  return { open, opened }
}

const config = configOf({ bindAddr: '0.0.0.0', bindPort: 7000 })
const noSession = (): void => {}

function openAll(
  config: ServerConfig,
  open: (protocol: Protocol) => OpenListener,
  log: Logger = silentLogger,
): Promise<Listener[]> {
  const factories = { tcp: open('tcp'), quic: open('quic') }
  return openListeners(config, factories, { onSession: noSession, log })
}

t.test('QUIC listens on the number of bindPort, and the log says where', async t => {
  const { open, opened } = fakeNetwork()
  const { lines, log } = recorder()
  await openAll(config, open, log)
  t.strictSame(opened, ['tcp 0.0.0.0:7000', 'quic 0.0.0.0:7000'])
  t.strictSame(lines, [
    'info frps tcp listen on 0.0.0.0:7000',
    'info frps quic listen on 0.0.0.0:7000',
  ])
})

t.test('quicBindPort moves QUIC', async t => {
  const { open, opened } = fakeNetwork()
  const moved = { ...config, quicBindPort: 7001 }
  await openAll(moved, open)
  t.strictSame(opened, ['tcp 0.0.0.0:7000', 'quic 0.0.0.0:7001'])
})

t.test('where KCP holds the port, QUIC is off and the log says so', async t => {
  const { open, opened } = fakeNetwork()
  const { lines, log } = recorder()
  const kcp = { ...config, kcpBindPort: 7000, quicBindPort: -1 }
  await openAll(kcp, open, log)
  t.strictSame(opened, ['tcp 0.0.0.0:7000'])
  t.equal(lines[0], 'info quic is off: kcpBindPort holds udp port 7000')
})

t.test('without the native binding there is one warning and TCP', async t => {
  const { open, opened } = fakeNetwork()
  const { lines, log } = recorder()
  const quic = async (): Promise<Listener> => {
    throw new TunnelError('UNSUPPORTED', 'no binding for this machine')
  }
  await openListeners(config, { tcp: open('tcp'), quic }, { onSession: noSession, log })
  t.strictSame(opened, ['tcp 0.0.0.0:7000'])
  t.strictSame(
    lines.filter(line => line.startsWith('warn')),
    ['warn quic is not available here, tcp only: no binding for this machine'],
  )
})

t.test('a taken TCP port is reported in the words of frp', async t => {
  const { open } = fakeNetwork(['tcp 0.0.0.0:7000'])
  await t.rejects(
    openAll(config, open),
    {
      code: 'ADDRESS_IN_USE',
      message:
        'create server listener error, listen tcp 0.0.0.0:7000: bind: address already in use ' +
        '[ADDRESS_IN_USE]',
    },
  )
})

t.test('a UDP port that is taken while TCP is free is an error, and TCP is closed', async t => {
  const { open, opened } = fakeNetwork(['quic 0.0.0.0:7000'])
  await t.rejects(
    openAll(config, open),
    { code: 'ADDRESS_IN_USE', message: /listen on quic udp address 0\.0\.0\.0:7000 error/ },
  )
  t.strictSame(opened, [])
})

t.test('with bindPort 0 another pair is tried when the UDP port is taken', async t => {
  const { open, opened } = fakeNetwork(['quic 0.0.0.0:5000'])
  await openAll({ ...config, bindPort: 0 }, open)
  t.strictSame(opened, ['tcp 0.0.0.0:5001', 'quic 0.0.0.0:5001'])
})

t.test('a port that needs rights is a matter of the config', async t => {
  const tcp = async (): Promise<Listener> => {
    throw Object.assign(new Error('no'), { code: 'EACCES' })
  }
  await t.rejects(
    openListeners(
      config,
      { tcp, quic: fakeNetwork().open('quic') },
      { onSession: noSession, log: silentLogger },
    ),
    { code: 'CONFIG_INVALID', message: /listen tcp 0\.0\.0\.0:7000: bind: permission denied/ },
  )
})
