// A real frpc asks our frps for its address: it wants two answers, from two addresses.

import t from 'tap'
import { freePorts } from '../../bench/peers/free-ports.ts'
import { join } from 'node:path'
import { Running } from '../cli/program.ts'
import { skipReason, start } from './programs.ts'

const options = { skip: skipReason() }

t.test('frpc nathole discover works with frps as its STUN server', options, async t => {
  t.testdir({})
  const [bindPort = 0] = await freePorts(1)
  const frps = start(t, 'ours', 'frps', `bindAddr = "127.0.0.1"\nbindPort = ${bindPort}\n`)
  await frps.printed('frps started successfully')
  if (!frps.stdout.includes('frps stun listen on')) return void t.pass('no QUIC on this machine')
  const server = `127.0.0.1:${bindPort}`
  const program = { path: join(process.env['FRP_BIN'] ?? '', 'frpc') }
  const frpc = new Running(program, ['nathole', 'discover', '--nat_hole_stun_server', server])
  t.teardown(() => frpc.kill())
  await frpc.printed('Public Network')
  t.match(frpc.stdout, /Your NAT type is: EasyNAT/)
  t.match(frpc.stdout, /External address is: \[127\.0\.0\.1:(\d+) 127\.0\.0\.1:\1\]/)
})
