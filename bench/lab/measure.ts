// How precise the lab is on this machine, and what it costs: `node dist/bench/lab/measure.js
// [packets/s]`. Datagrams with their time of sending go from one namespace to another one through a
// NAT and two links of 5 ms; the same over the loopback of one namespace shows the share of sender
// and receiver, which is taken off.

import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { natOfClass, openLab } from './index.ts'
import type { Lab, LabStats } from './index.ts'

const SERVER = '198.51.100.1'
const PORT = 5000
const LINK_MS = 5
const PAYLOAD_BYTES = 1200
const SECONDS = 5
const RATE = 20_000
/** A sender that was late catches up in pieces, so that no burst is longer than this. */
const BURST = 8
const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024

interface Seen {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
}

const [role, value] = process.argv.slice(2)
// The lab is measured here, and not what else the machine does.
setPriority(constants.priority.PRIORITY_HIGHEST)
if (role === 'send') await send(Number(value))
else if (role === 'receive') await receive()
else await measure(Number(role ?? RATE))

async function measure(rate: number): Promise<void> {
  const link = { up: { delayMs: LINK_MS }, down: { delayMs: LINK_MS } }
  const lab = await openLab({
    hosts: [
      { name: 'server', ip: SERVER },
      { name: 'client', ip: '192.168.1.2', behind: 'home' },
    ],
    boxes: [{ name: 'home', nat: natOfClass('C3', ['203.0.113.1']) }],
    links: { server: link, home: link },
  })
  try {
    const alone = await transfer(lab, 'server', rate)
    const before = await lab.stats()
    const through = await transfer(lab, 'client', rate)
    print(rate, { alone, through, before, after: await lab.stats() })
  } finally {
    await lab.close()
  }
}

interface Measured {
  readonly alone: Seen
  readonly through: Seen
  readonly before: LabStats
  readonly after: LabStats
}

function print(rate: number, { alone, through, before, after }: Measured): void {
  const line = ({ count, p50, p90, p99 }: Seen): string =>
    `${count} packets, ms p50 ${p50.toFixed(3)}  p90 ${p90.toFixed(3)}  p99 ${p99.toFixed(3)}`
  const { lateMs, cpuMs, isRealtime } = after.router
  const core = (cpuMs - before.router.cpuMs) / (SECONDS * 10)
  console.log(
    [
      `${rate} packets/s of ${PAYLOAD_BYTES} bytes for ${SECONDS} s, Node ${process.version}`,
      `loopback           ${line(alone)}`,
      `lab, ${2 * LINK_MS} ms         ${line(through)}`,
      `added at p50       ${(through.p50 - alone.p50 - 2 * LINK_MS).toFixed(3)} ms`,
      `late to the model  ms p50 ${lateMs.p50.toFixed(3)}  p99 ${lateMs.p99.toFixed(3)}`,
      `router             ${core.toFixed(0)} % of a core${isRealtime ? '' : ', not in real time'}`,
    ].join('\n'),
  )
}

async function transfer(lab: Lab, from: string, rate: number): Promise<Seen> {
  const receiver = start(lab, 'server', ['receive'])
  await once(receiver.stdout, 'data')
  const result = once(receiver.stdout, 'data')
  start(lab, from, ['send', `${rate}`])
  const [text] = await result
  // The receiver is this file.
  return JSON.parse(`${text}`) as Seen
}

function start(lab: Lab, host: string, args: readonly string[]) {
  const argv = [process.execPath, fileURLToPath(import.meta.url), ...args]
  const [command, rest] = lab.command(host, argv)
  return spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function send(rate: number): Promise<void> {
  const socket = createSocket('udp4')
  socket.connect(PORT, SERVER)
  await once(socket, 'connect')
  const startedAt = performance.now()
  let sent = 0
  for (;;) {
    const passedMs = performance.now() - startedAt
    if (passedMs > SECONDS * 1000) break
    for (let burst = 0; burst < BURST && (sent * 1000) / rate < passedMs; burst++) {
      const packet = Buffer.alloc(PAYLOAD_BYTES)
      packet.writeBigUInt64LE(process.hrtime.bigint())
      socket.send(packet)
      sent += 1
    }
    await new Promise(resolve => setImmediate(resolve))
  }
  // The end, for which the receiver waits.
  socket.send(Buffer.alloc(1), () => socket.close())
}

async function receive(): Promise<void> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES })
  const times: number[] = []
  socket.on('message', packet => {
    // The clock is the machine's, the same in both processes.
    if (packet.length === 1) socket.close()
    else times.push(Number(process.hrtime.bigint() - packet.readBigUInt64LE()) / 1e6)
  })
  socket.bind(PORT, () => console.log('ready'))
  await once(socket, 'close')
  times.sort((a, b) => a - b)
  const quantile = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? NaN
  const [p50, p90, p99] = [quantile(0.5), quantile(0.9), quantile(0.99)]
  console.log(JSON.stringify({ count: times.length, p50, p90, p99 } satisfies Seen))
}
