import t from 'tap'
import { cpuSeconds, parseCpuSeconds, residentBytes } from '../../bench/usage.ts'

const isLinux = process.platform === 'linux' ? {} : { skip: '/proc is of Linux' }

t.test('CPU time is user and system time, whatever the name of the program holds', async t => {
  const fields = 'S 1 42 42 0 -1 4194560 900 0 0 0 250 125 0 0 20 0 11 0 5000'
  t.equal(parseCpuSeconds(`42 (node) ${fields}`), 3.75)
  t.equal(parseCpuSeconds(`42 (a) b) (c) ${fields}`), 3.75)
})

t.test('a process that works uses CPU time', isLinux, async t => {
  const before = cpuSeconds(process.pid)
  const deadline = performance.now() + 5000
  while (cpuSeconds(process.pid) === before && performance.now() < deadline) Math.sqrt(2)
  t.ok(cpuSeconds(process.pid) > before)
})

t.test('resident memory grows by what a process touches', isLinux, async t => {
  const before = residentBytes(process.pid)
  const touched = Buffer.alloc(64 * 1024 * 1024, 1)
  const growth = residentBytes(process.pid) - before
  t.ok(growth > 48 * 1024 * 1024, `grew by ${growth} with ${touched.length} bytes touched`)
})

t.test('a process that is gone is an error', isLinux, async t => {
  t.throws(() => cpuSeconds(2 ** 30))
  t.throws(() => residentBytes(2 ** 30))
})
