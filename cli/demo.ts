// `npm start`: the whole tunnel on this machine. A server, a client with the README's frpc.ini, two
// services behind it; then it visits both public ports itself and says what came back. `--once`
// ends after that, status 0 or 1. Everything listens on 127.0.0.1 only, and nothing that is already
// running here is published.

import { createDemo, type Demo } from './demo/demo.ts'
import { printFailure, printResult, printVisitor } from './demo/report.ts'
import { visitEcho, visitPage } from './demo/visits.ts'
import { boundedClose, untilSignal } from './lifetime.ts'
import { exit, print } from './output.ts'

async function main(argv: readonly string[]): Promise<number> {
  const unknown = argv.find(word => word !== '--once')
  if (unknown !== undefined) {
    print(`unknown word ${unknown}; usage: npm start [-- --once]`)
    return 1
  }
  const isOnce = argv.includes('--once')
  const signal = untilSignal()
  const demo = createDemo()
  try {
    return await Promise.race([run(demo, isOnce, signal), signal.then(() => (isOnce ? 1 : 0))])
  } catch (error) {
    printFailure(error)
    return 1
  } finally {
    await boundedClose(demo.close())
  }
}

async function run(demo: Demo, isOnce: boolean, signal: Promise<unknown>): Promise<number> {
  const started = await demo.start()
  const echo = await visitEcho(started.ssh.publicPort)
  const page = await visitPage(started.http.publicPort)
  printResult({ started, echo, page, session: demo.session() })
  if (isOnce) return 0
  demo.onVisitor(printVisitor)
  print('Running until Ctrl-C. Connections show up here:')
  await signal
  return 0
}

exit(await main(process.argv.slice(2)))
