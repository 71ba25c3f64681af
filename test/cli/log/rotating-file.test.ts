import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { RotatingFile } from '../../../cli/log/rotating-file.ts'

const noon = (day: number): Date => new Date(2026, 10, day, 12, 0, 0)

t.test('a log file is made with its folders, for its owner only, and appended to', async t => {
  const path = join(t.testdir({}), 'a', 'b', 'frps.log')
  const first = new RotatingFile({ path, maxDays: 3 })
  first.write('one\n')
  first.close()
  const second = new RotatingFile({ path, maxDays: 3 })
  second.write('two\n')
  second.close()
  t.equal(readFileSync(path, 'utf8'), 'one\ntwo\n')
  t.equal(statSync(path).mode & 0o777, 0o600)
})

t.test('a new day renames the file of the old one', async t => {
  const folder = t.testdir({})
  let now = noon(22)
  const file = new RotatingFile({ path: join(folder, 'frps.log'), maxDays: 3, now: () => now })
  file.write('monday\n')
  now = noon(23)
  file.write('tuesday\n')
  file.close()
  t.strictSame(readdirSync(folder).sort(), ['frps.20261123-120000.log', 'frps.log'])
  t.equal(readFileSync(join(folder, 'frps.20261123-120000.log'), 'utf8'), 'monday\n')
  t.equal(readFileSync(join(folder, 'frps.log'), 'utf8'), 'tuesday\n')
})

t.test('a file left by an earlier day is renamed before the first line', async t => {
  const folder = t.testdir({ 'frps.log': 'old\n' })
  const path = join(folder, 'frps.log')
  utimesSync(path, noon(20), noon(20))
  const file = new RotatingFile({ path, maxDays: 3, now: () => noon(22) })
  file.write('new\n')
  file.close()
  t.equal(readFileSync(path, 'utf8'), 'new\n')
  t.equal(readFileSync(join(folder, 'frps.20261122-120000.log'), 'utf8'), 'old\n')
})

t.test('files older than maxDays go, others of similar names stay', async t => {
  const files = {
    'frps.20261118-120000.log': '',
    'frps.20261121-120000.log': '',
    'frps.2026-notes.log': '',
    'frpc.20261101-120000.log': '',
  }
  const folder = t.testdir(files)
  new RotatingFile({ path: join(folder, 'frps.log'), maxDays: 3, now: () => noon(22) }).close()
  t.strictSame(
    readdirSync(folder).sort(),
    [...Object.keys(files).filter(name => !name.includes('20261118')), 'frps.log'].sort(),
  )
})

t.test('a negative maxDays keeps everything', async t => {
  const folder = t.testdir({ 'frps.20001118-120000.log': '' })
  new RotatingFile({ path: join(folder, 'frps.log'), maxDays: -1, now: () => noon(22) }).close()
  t.ok(readdirSync(folder).includes('frps.20001118-120000.log'))
})

t.test('a name without an extension rotates too', async t => {
  const folder = t.testdir({})
  let now = noon(22)
  const file = new RotatingFile({ path: join(folder, 'log'), maxDays: 3, now: () => now })
  file.write('a\n')
  now = noon(23)
  file.write('b\n')
  file.close()
  t.strictSame(readdirSync(folder).sort(), ['log', 'log.20261123-120000'])
})

t.test('a folder that cannot be used is an error at the start', async t => {
  const folder = t.testdir({ file: '' })
  t.throws(() => new RotatingFile({ path: join(folder, 'file', 'x.log'), maxDays: 3 }))
})

t.test('a write that fails later throws nothing', async t => {
  const folder = join(t.testdir({ sub: {} }), 'sub')
  let now = noon(22)
  const file = new RotatingFile({ path: join(folder, 'x'), maxDays: 3, now: () => now })
  rmSync(folder, { recursive: true })
  now = noon(23)
  t.doesNotThrow(() => file.write('lost\n'))
  mkdirSync(folder)
  file.write('kept\n')
  file.close()
  t.equal(readFileSync(join(folder, 'x'), 'utf8'), 'kept\n', 'and works again when it can')
})
