import t from 'tap'
import { silentLogger } from '../../lib/log.ts'
import { Entrance } from '../../lib/visitor/entrance.ts'

function entrance(bindPort: number) {
  const door = { address: '', error: '', opened: 0, open: () => void door.opened++ }
  const lines: string[] = []
  let changes = 0
  const log = { ...silentLogger, info: (line: string) => void lines.push(line) }
  const host = { log, changed: () => void changes++ }
  return { door, lines, changes: () => changes, entrance: new Entrance(door, { bindPort, host }) }
}

t.test('a visitor waits until its port is open, and says so once', async t => {
  const { entrance: visitor, door, lines, changes } = entrance(6000)
  t.strictSame(visitor.state(), { phase: 'waiting', localAddr: '', error: '' })
  t.equal(visitor.start(), true)
  t.equal(visitor.start(), false)
  t.equal(door.opened, 1)
  t.equal(visitor.state().phase, 'waiting')
  door.error = 'taken'
  visitor.handleChange()
  t.strictSame(visitor.state(), { phase: 'start error', localAddr: '', error: 'taken' })
  t.strictSame(lines, [])
  Object.assign(door, { error: '', address: '127.0.0.1:6000' })
  visitor.handleChange()
  t.strictSame(visitor.state(), { phase: 'running', localAddr: '127.0.0.1:6000', error: '' })
  t.strictSame(lines, ['start visitor success, listening on 127.0.0.1:6000'])
  t.equal(changes(), 2)
  visitor.close()
  t.equal(visitor.state().phase, 'closed')
})

t.test('one without a port runs as soon as it is started', async t => {
  const { entrance: visitor, lines } = entrance(-1)
  t.equal(visitor.state().phase, 'waiting')
  visitor.start()
  t.equal(visitor.state().phase, 'running')
  t.strictSame(lines, ['start visitor success'])
})
