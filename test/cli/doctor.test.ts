// `frpc doctor` and `frpc nathole discover` from the command line: wrong words here, and what they
// say of networks in the lab.

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bindAddressOf, doctorSetup, natHoleSetup } from '../../cli/examine-setup.ts'
import { type Lab, labSupport, natOfClass, openLab } from '../../bench/lab/index.ts'
import { runToEnd } from './program.ts'

const SERVER = '203.0.113.1'
const NO_FLAGS = { config: '', strictConfig: true, json: false }
const skip = labSupport() === true ? false : String(labSupport())

t.test('wrong words are one line and status 1', async t => {
  const bind = await runToEnd('frpc', ['doctor', '-l', 'here'])
  t.match(bind, { status: 1, stdout: /^nat_hole_local_addr should be ip:port, .* not "here"\n$/ })
  const file = await runToEnd('frpc', ['doctor', '-c', './none.toml'])
  t.match(file, { status: 1, stdout: 'open ./none.toml: no such file or directory\n' })
})

t.test('flags come before the file, and no file is needed', async t => {
  const text = 'serverAddr = "a"\nserverPort = 1\nauth.token = "file"\n'
  const config = join(t.testdir({ 'frpc.toml': text }), 'frpc.toml')
  const fromFile = await doctorSetup({ ...NO_FLAGS, config })
  t.match(fromFile, { hasServer: true, config: { serverAddr: 'a', serverPort: 1 } })
  const flags = { ...NO_FLAGS, serverAddr: 'b', token: 'flag', natHoleStunServer: 's:1,s:2' }
  for (const setup of [await doctorSetup(flags), await doctorSetup({ ...flags, config })]) {
    t.match(setup, { hasServer: true, config: { serverAddr: 'b', natHoleStunServer: 's:1,s:2' } })
    t.equal(setup.config.auth.token.reveal(), 'flag')
  }
  t.equal((await doctorSetup(NO_FLAGS)).hasServer, false)
})

t.test('nathole discover takes a file that cannot be read for none, as frp', async t => {
  const { config, hasServer } = await natHoleSetup({ ...NO_FLAGS, config: './none.toml' })
  t.equal(config.natHoleStunServer, 'stun.easyvoip.com:3478')
  t.equal(hasServer, false)
})

t.test('an address to ask from is ip:port', async t => {
  t.strictSame(bindAddressOf('192.168.1.7:4000'), { ip: '192.168.1.7', port: 4000 })
  t.strictSame(bindAddressOf(':4000'), { ip: '0.0.0.0', port: 4000 })
  t.strictSame(bindAddressOf('[::1]:0'), { ip: '::1', port: 0 })
  t.equal(bindAddressOf(''), undefined)
  for (const wrong of ['4000', '1.2.3.4', '1.2.3.4:99999', 'host:1']) {
    t.throws(() => bindAddressOf(wrong), /should be ip:port/, wrong)
  }
})

/** frps on the internet, and a client behind the usual router. */
async function openNetwork(t: Test): Promise<Network> {
  const lab = await openLab({
    hosts: [
      { name: 'server', ip: SERVER },
      { name: 'client', ip: '192.168.1.7', behind: 'home' },
    ],
    boxes: [{ name: 'home', nat: natOfClass('C3', ['198.51.100.9']) }],
  })
  const network = new Network(lab, t.testdir())
  t.teardown(() => network.close())
  await network.startServer()
  return network
}

class Network {
  readonly #lab: Lab
  readonly #folder: string
  readonly #servers: ReturnType<typeof spawn>[] = []

  constructor(lab: Lab, folder: string) {
    this.#lab = lab
    this.#folder = folder
  }

  async startServer(): Promise<void> {
    const file = join(this.#folder, 'frps.toml')
    writeFileSync(file, 'auth.token = "x"\n')
    const server = this.#start('server', ['dist/cli/frps.js', '-c', file])
    this.#servers.push(server)
    await new Promise<void>((resolve, reject) => {
      server.stdout?.on('data', text => String(text).includes('started') && resolve())
      server.once('exit', status => reject(new Error(`frps ended with ${status}`)))
    })
  }

  /** frpc at the client, with a file for its server besides the words. */
  async run(words: readonly string[]): Promise<{ status: number; text: string }> {
    const file = join(this.#folder, 'frpc.toml')
    // Its own STUN server, so that no name has to be resolved in here.
    const stun = `natHoleStunServer = "${SERVER}:7000"\n`
    writeFileSync(file, `serverAddr = "${SERVER}"\nauth.token = "x"\n${stun}`)
    const frpc = this.#start('client', ['dist/cli/frpc.js', ...words, '-c', file])
    let text = ''
    frpc.stdout?.on('data', piece => (text += String(piece)))
    return new Promise(resolve => {
      frpc.once('close', code => resolve({ status: code ?? -1, text }))
    })
  }

  async close(): Promise<void> {
    for (const server of this.#servers) server.kill()
    await this.#lab.close()
  }

  #start(host: string, words: readonly string[]): ReturnType<typeof spawn> {
    const [command, args] = this.#lab.command(host, [process.execPath, ...words])
    return spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  }
}

// Only what holds on a machine that is busy, too: how the filter behaves is a matter of time.
t.test('behind a home router both say what the server sees', { skip }, async t => {
  const network = await openNetwork(t)
  const doctor = await network.run(['doctor'])
  t.equal(doctor.status, 0, doctor.text)
  t.match(doctor.text, /logged in within .* quicfrp/)
  t.match(doctor.text, /Address +192\.168\.1\.7:(\d+); from outside 198\.51\.100\.9:\1\n/)
  t.match(doctor.text, /usual home network/)
  const discover = await network.run(['nathole', 'discover'])
  t.equal(discover.status, 0, discover.text)
  t.match(
    discover.text,
    /^STUN server: .*\nYour NAT type is: EasyNAT\nBehavior is: BehaviorNoChange\n/,
  )
  t.match(discover.text, /External address is: \[(198\.51\.100\.9:\d+) \1\]\nLocal address is: /)
  t.match(discover.text, /\nPublic Network: false\n/)
})
