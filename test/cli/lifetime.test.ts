// Signals, in a process of their own whose closing never ends.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'

const lifetime = new URL('../../cli/lifetime.js', import.meta.url).href

t.test('the first signal asks, the second one does not wait', async t => {
  const source = `
    import { boundedClose, untilSignal } from ${JSON.stringify(lifetime)}
    const alive = setInterval(() => undefined, 1000)
    const signal = untilSignal()
    console.log('ready')
    console.log('closing after ' + await signal)
    await boundedClose(new Promise(() => undefined))
    clearInterval(alive)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source])
  t.teardown(() => child.kill('SIGKILL'))
  let out = ''
  const said = async (text: string): Promise<void> => {
    while (!out.includes(text)) await once(child.stdout, 'data')
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  await said('ready')
  child.kill('SIGTERM')
  await said('closing after SIGTERM')
  child.kill('SIGINT')
  const [status, signal] = (await once(child, 'exit')) as [number | null, string | null]
  t.strictSame({ status, signal }, { status: 1, signal: null })
})
