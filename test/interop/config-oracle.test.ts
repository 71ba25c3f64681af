// Holds the table of configurations to a real frp: what `frps verify` and `frpc verify` accept, we
// accept, and the words that others depend on are in both messages. FRP_BIN names the folder of the
// real programs.

import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { verifyCases, type VerifyCase } from '../config/verify-cases.ts'

/** Real processes at a time. */
const PARALLEL = 4

// The compiled test runs in dist/test/interop; the fixtures stay in the sources.
const fixtures = join(import.meta.dirname, '../../../test/fixtures/config')

const frpBin = process.env['FRP_BIN']

t.test(
  'a real frp decides as the table says',
  { skip: frpBin === undefined && 'FRP_BIN does not name real frp programs' },
  async t => {
    const folder = t.testdir({})
    const cases = [...verifyCases.filter(entry => entry.differs === undefined).entries()]
    const results: { entry: VerifyCase; status: number; output: string }[] = []
    const work = async (): Promise<void> => {
      for (let next = cases.pop(); next !== undefined; next = cases.pop()) {
        const [i, entry] = next
        mkdirSync(join(folder, String(i)))
        const path = join(folder, String(i), entry.file)
        writeFileSync(path, entry.text)
        results.push({ entry, ...(await verify(entry, path)) })
      }
    }
    await Promise.all(Array.from({ length: PARALLEL }, work))
    for (const { entry, status, output } of results) {
      const title = `${entry.side} ${entry.file}: ${JSON.stringify(entry.text.slice(0, 90))}`
      t.equal(status, entry.accepts ? 0 : 1, title, { output })
      for (const words of entry.says ?? []) {
        t.ok(output.includes(words), `${title} says ${words}`, { output, words })
      }
    }
  },
)

t.test(
  'a real frp accepts the examples',
  { skip: frpBin === undefined && 'FRP_BIN does not name real frp programs' },
  async t => {
    for (const file of readdirSync(fixtures)) {
      const side = file.startsWith('frps') ? 'frps' : 'frpc'
      const { status, output } = await verify({ side }, join(fixtures, file))
      t.equal(status, 0, file, { output })
    }
  },
)

function verify(
  { side, isLenient }: Pick<VerifyCase, 'side' | 'isLenient'>,
  path: string,
): Promise<{ status: number; output: string }> {
  const strict = isLenient === true ? ['--strict_config=false'] : []
  return new Promise(resolve => {
    execFile(
      join(frpBin ?? '', side),
      ['verify', '-c', path, ...strict],
      { env: { ...process.env, QUICFRP_TEST: 'value' } },
      (error, stdout, stderr) => {
        const status = typeof error?.code === 'number' ? error.code : error === null ? 0 : -1
        resolve({ status, output: stdout + stderr })
      },
    )
  })
}
