// frpc stcp, frpc sudp and their visitors: from a command line to the configuration that it means.

import t from 'tap'
import { CLIENT_FLAGS, SECRET_FLAGS, VISITOR_FLAGS } from '../../cli/flags.ts'
import {
  type SecretFlags,
  secretProxyValues,
  type VisitorFlags,
  visitorValues,
} from '../../cli/options.ts'
import { runProgram } from '../../cli/program.ts'
import { clientConfigFromValues, type ClientValues } from '../../lib/config/index.ts'

async function valuesOf(line: string): Promise<ClientValues> {
  let values: ClientValues | undefined
  const runProxy = async (flags: SecretFlags): Promise<number> => {
    values = secretProxyValues(flags, 'stcp')
    return 0
  }
  const runVisitor = async (flags: VisitorFlags): Promise<number> => {
    values = visitorValues(flags, 'stcp')
    return 0
  }
  const program = {
    name: 'frpc',
    description: '',
    flags: CLIENT_FLAGS,
    run: async () => 1,
    commands: [
      { name: 'stcp', description: '', flags: SECRET_FLAGS, run: runProxy },
      { name: 'stcp visitor', description: '', flags: VISITOR_FLAGS, run: runVisitor },
    ],
  }
  await runProgram(program, line.split(' '))
  if (!values) throw new Error(`not run: ${line}`)
  return values
}

t.test('frpc stcp publishes a secret proxy', async t => {
  const line = 'stcp -u ann -n ssh -l 22 --sk abc --allow_users bob,eve --ue'
  const { config, proxies } = clientConfigFromValues(await valuesOf(line))
  t.equal(config.user, 'ann')
  t.match(proxies, [
    {
      name: 'ssh',
      type: 'stcp',
      localPort: 22,
      allowUsers: ['bob', 'eve'],
      transport: { useEncryption: true },
    },
  ])
  const [proxy] = proxies
  t.equal(proxy && 'secretKey' in proxy && proxy.secretKey.reveal(), 'abc')
})

for (const line of [
  'stcp visitor -s 10.0.0.1 -n door --sk abc --server_name ssh --server-user ann --bind_port 6000',
  'stcp -s 10.0.0.1 visitor -n door --sk abc --server_name ssh --server-user ann --bind_port 6000',
]) {
  t.test(`${line.slice(0, 25)}... opens a door to one`, async t => {
    const { config, proxies, visitors } = clientConfigFromValues(await valuesOf(line))
    t.equal(config.serverAddr, '10.0.0.1')
    t.strictSame(proxies, [])
    t.match(visitors, [
      {
        name: 'door',
        type: 'stcp',
        serverName: 'ssh',
        serverUser: 'ann',
        bindAddr: '127.0.0.1',
        bindPort: 6000,
      },
    ])
    t.equal(visitors[0]?.secretKey.reveal(), 'abc')
  })
}
