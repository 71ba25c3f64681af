// A program for the tests: opens a lab, starts something in it that does not end, prints the names
// of the namespaces, and then leaves in the way that its argument says, never by close().

import { spawn } from 'node:child_process'
import { openLab } from '../../bench/lab/index.ts'

const lab = await openLab({
  hosts: [
    { name: 'left', ip: '198.51.100.1' },
    { name: 'right', ip: '198.51.100.2' },
  ],
})
const [command, args] = lab.command('left', ['sh', '-c', 'echo; exec sleep 1000'])
const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
child.unref()
// It has entered the namespace: before that nobody could tell that it belongs to the lab.
await new Promise(resolve => child.stdout.once('data', resolve))
child.stdout.destroy()
console.log(JSON.stringify([...lab.hosts.values()].map(({ netns }) => netns)))

switch (process.argv[2]) {
  case 'exit':
    process.exit(0)
    break
  case 'throw':
    throw new Error('on purpose')
  case 'wait':
    // Until a signal comes.
    setInterval(() => undefined, 1000)
    break
  default:
  // Nothing left to do: a lab does not keep its process alive.
}
