import t from 'tap'
import { SendQueue, type Sender } from '../../lib/mux/send-queue.ts'

class Named implements Sender {
  readonly name: string
  nextSender: Sender | undefined = undefined
  isQueued = false
  priority: 'auto' | 'interactive' | 'bulk' = 'auto'

  constructor(name: string) {
    this.name = name
  }
}

function order(queue: SendQueue<Named>): string[] {
  const names: string[] = []
  for (let sender = queue.next(); sender; sender = queue.next()) names.push(sender.name)
  return names
}

t.test('streams take turns in the order in which they came', async t => {
  const queue = new SendQueue<Named>()
  for (const name of ['a', 'b', 'c']) queue.add(new Named(name), 1_000_000)
  t.strictSame(order(queue), ['a', 'b', 'c'])
  t.equal(queue.isEmpty, true)
})

t.test('a small write goes before bulk', async t => {
  const queue = new SendQueue<Named>()
  queue.add(new Named('bulk'), 1_000_000)
  queue.add(new Named('key'), 1)
  t.strictSame(order(queue), ['key', 'bulk'])
})

t.test('a priority beats the size of what waits', async t => {
  const queue = new SendQueue<Named>()
  const backup = new Named('backup')
  backup.priority = 'bulk'
  const screen = new Named('screen')
  screen.priority = 'interactive'
  queue.add(backup, 1)
  queue.add(screen, 1_000_000)
  t.strictSame(order(queue), ['screen', 'backup'])
})

t.test('small writes without end let bulk through', async t => {
  const queue = new SendQueue<Named>()
  queue.add(new Named('bulk'), 1_000_000)
  const names: string[] = []
  for (let turn = 0; turn < 20; turn++) {
    queue.add(new Named('key'), 1)
    names.push(queue.next()?.name ?? '')
  }
  t.equal(names.indexOf('bulk'), 8)
})

t.test('a stream stands in one line once', async t => {
  const queue = new SendQueue<Named>()
  const sender = new Named('a')
  queue.add(sender, 1)
  queue.add(sender, 1_000_000)
  t.strictSame(order(queue), ['a'])
})
