import { readFile } from 'node:fs/promises'
import t from 'tap'
import { VERSION } from '../lib/version.ts'

t.test('the version constant is the one in package.json', async t => {
  // From dist/test the package is two folders up.
  const url = new URL('../../package.json', import.meta.url)
  t.match(JSON.parse(await readFile(url, 'utf8')), { version: VERSION })
})
