import t from 'tap'
import { formatLine, formatTime } from '../../../cli/log/line.ts'

const time = new Date(2026, 10, 22, 17, 24, 31, 324).getTime()

t.test('a record becomes a line of the form of frp', async t => {
  t.equal(
    formatLine(
      { time, level: 'info', source: 'client/control', tags: ['02f3', 'web'], msg: 'hello' },
      { color: false },
    ),
    '2026-11-22 17:24:31.324 [I] [client/control] [02f3] [web] hello\n',
  )
})

t.test('each level has its letter', async t => {
  const letters = ['trace', 'debug', 'info', 'warn', 'error'].map(level =>
    formatLine({ time, level, msg: 'm' }, { color: false }).slice(24, 27),
  )
  t.strictSame(letters, ['[T]', '[D]', '[I]', '[W]', '[E]'])
})

t.test('fields follow the message, quoted where they must be', async t => {
  const fields = { port: 6000, text: 'a b', empty: '' }
  t.match(
    formatLine({ time, level: 'warn', msg: 'm', fields }, { color: false }),
    / m port=6000 text="a b" empty=""\n$/,
  )
})

t.test('colours change nothing but the colour', async t => {
  const record = { time, level: 'error', source: 's', tags: ['x'], msg: 'm' }
  const colored = formatLine(record, { color: true })
  t.not(colored, formatLine(record, { color: false }))
  t.equal(colored.replaceAll(/\x1b\[[\d;]*m/g, ''), formatLine(record, { color: false }))
})

t.test('a stranger can neither forge a line nor reach the terminal', async t => {
  const msg = 'x\r\n2026 [E] \x1b[2J\u2028\u009b'
  const record = { time, level: 'info', tags: ['a\nb'], msg, fields: { k: '\x07' } }
  const line = formatLine(record, { color: false })
  t.equal(line.split('\n').length, 2)
  t.notMatch(line.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u2028]/)
  t.match(line, 'x\\x0d\\x0a2026')
})

t.test('times are padded', async t => {
  t.equal(formatTime(new Date(2026, 0, 2, 3, 4, 5, 6)), '2026-01-02 03:04:05.006')
})
