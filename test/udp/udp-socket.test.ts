import { once } from 'node:events'
import { EventEmitter } from 'node:events'
import t from 'tap'
import type { Address } from '../../lib/address.ts'
import { openDgramSocket } from '../../lib/udp/dgram.ts'
import { openUdpSocket } from '../../lib/udp/index.ts'
import { loadLibc } from '../../lib/udp/libc.ts'
import type { DatagramHandler, UdpSocket } from '../../lib/udp/socket.ts'

/** Collects what arrives and tells when something did. */
class Collector extends EventEmitter implements DatagramHandler {
  readonly datagrams: { text: string; from: Address; segmentBytes: number | undefined }[] = []
  bytes = 0

  onDatagram(data: Buffer, from: Address, segmentBytes: number | undefined): void {
    this.datagrams.push({ text: data.toString('latin1'), from, segmentBytes })
    this.bytes += data.length
  }

  onBatchEnd(): void {
    this.emit('batch')
  }

  async until(bytes: number): Promise<void> {
    while (this.bytes < bytes) await once(this, 'batch')
  }
}

const kinds: { name: string; open: (ip: string) => Promise<UdpSocket>; skip: string | false }[] = [
  { name: 'dgram', open: ip => openDgramSocket({ ip, port: 0 }), skip: false },
  {
    name: 'batch',
    open: ip => openUdpSocket({ ip, port: 0 }),
    skip: loadLibc() ? false : 'koffi does not load here',
  },
]

for (const { name, open, skip } of kinds) {
  t.test(name, { skip }, async t => {
    t.test('a datagram arrives whole, with one shared object per sender', async t => {
      const [a, b] = await Promise.all([open('127.0.0.1'), open('127.0.0.1')])
      t.teardown(() => Promise.all([a.close(), b.close()]))
      const collector = new Collector()
      b.start(collector)
      a.start(new Collector())
      t.equal(a.send(Buffer.from('one'), 3, b.address), 'sent')
      await collector.until(3)
      t.equal(a.send(Buffer.from('two'), 3, b.address), 'sent')
      await collector.until(6)
      t.strictSame(
        collector.datagrams.map(({ text }) => text),
        ['one', 'two'],
      )
      t.strictSame(collector.datagrams[0]?.from, a.address)
      t.equal(collector.datagrams[0]?.from, collector.datagrams[1]?.from)
    })

    t.test('a burst arrives as its segments, in order', async t => {
      const [a, b] = await Promise.all([open('127.0.0.1'), open('127.0.0.1')])
      t.teardown(() => Promise.all([a.close(), b.close()]))
      const collector = new Collector()
      b.start(collector)
      a.start(new Collector())
      const segments = Math.min(a.maxSegments, 10)
      const burst = Buffer.concat(
        Array.from({ length: segments }, (_, index) => Buffer.alloc(1200, 65 + index)),
      ).subarray(0, 1200 * segments - 100)
      t.equal(a.send(burst, 1200, b.address), 'sent')
      await collector.until(burst.length)
      t.equal(collector.datagrams.map(({ text }) => text).join(''), burst.toString('latin1'))
    })

    t.test('an IPv6 wildcard socket talks plain IPv4', async t => {
      let wildcard: UdpSocket
      try {
        wildcard = await open('::')
      } catch {
        t.pass('this machine has no IPv6')
        return
      }
      const peer = await open('127.0.0.1')
      t.teardown(() => Promise.all([wildcard.close(), peer.close()]))
      const collector = new Collector()
      const back = new Collector()
      wildcard.start(collector)
      peer.start(back)
      peer.send(Buffer.from('ping'), 4, { ip: '127.0.0.1', port: wildcard.address.port })
      await collector.until(4)
      const from = collector.datagrams[0]?.from
      t.strictSame(from, peer.address)
      if (from) wildcard.send(Buffer.from('pong'), 4, from)
      await back.until(4)
      t.equal(back.datagrams[0]?.from.ip, '127.0.0.1')
    })

    t.test('a taken port is EADDRINUSE', async t => {
      const a = await open('127.0.0.1')
      t.teardown(() => a.close())
      const again = name === 'dgram' ? openDgramSocket(a.address) : openUdpSocket(a.address)
      await t.rejects(again, { code: 'EADDRINUSE' })
    })

    t.test('a closed socket sends nothing and closes twice', async t => {
      const a = await open('127.0.0.1')
      await a.close()
      await a.close()
      t.equal(a.send(Buffer.from('x'), 1, a.address), 'failed')
    })
  })
}
