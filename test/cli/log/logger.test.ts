import t from 'tap'
import { createLogger, type LoggerOptions } from '../../../cli/log/logger.ts'

function recorder(options: Partial<LoggerOptions> = {}, isTerminal = false) {
  const lines: string[] = []
  const sink = { isTerminal, write: (text: string) => void lines.push(text) }
  const log = createLogger({ level: 'info', json: false, color: true, sink, ...options })
  return { log, lines }
}

t.test('a line names the part that speaks and its prefixes', async t => {
  const { log, lines } = recorder()
  log.child({ source: 'server' }).child({ source: 'server/control', tags: ['run'] })
    .child({ tags: ['ssh'] }).warn('late', { ms: 5 })
  t.equal(lines.length, 1)
  t.match(lines[0], /^[\d: .-]{23} \[W\] \[server\/control\] \[run\] \[ssh\] late ms=5\n$/)
})

t.test('levels below the chosen one are not written', async t => {
  const { log, lines } = recorder({ level: 'warn' })
  log.trace('a')
  log.debug('b')
  log.info('c')
  log.warn('d')
  log.error('e')
  t.equal(lines.length, 2)
})

t.test('JSON lines carry the same facts', async t => {
  const { log, lines } = recorder({ json: true, level: 'trace' })
  log.child({ source: 'client', tags: ['ssh'] }).trace('m', { port: 1 })
  const record: unknown = JSON.parse(lines[0] ?? '')
  t.match(record, {
    level: 'trace',
    time: /^\d{4}-.*Z$/,
    source: 'client',
    tags: ['ssh'],
    msg: 'm',
    fields: { port: 1 },
  })
})

t.test('colours are for terminals, and only if wanted', async t => {
  const hasColor = (color: boolean, isTerminal: boolean): boolean => {
    const { log, lines } = recorder({ color }, isTerminal)
    log.info('m')
    return (lines[0] ?? '').includes('\x1b[')
  }
  t.equal(hasColor(true, true), true)
  t.equal(hasColor(false, true), false)
  t.equal(hasColor(true, false), false)
})
