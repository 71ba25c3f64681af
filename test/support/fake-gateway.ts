// A router that maps ports by PCP, NAT-PMP and UPnP, for tests: the protocols without I/O, and the
// same on real sockets of an address in 127/8 (a whole network on Linux), where port 5351 is free.

import { createSocket } from 'node:dgram'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { textOf } from '../../nat/portmap/igd.ts'

export interface FakeGatewayOptions {
  readonly speaks: readonly ('pcp' | 'nat-pmp' | 'upnp')[]
  readonly externalIp?: string
  /** External ports that belong to others. */
  readonly taken?: readonly number[]
  /** UPnP fault 725 for leases. */
  readonly isPermanentOnly?: boolean
}

export class FakeGateway {
  readonly options: FakeGatewayOptions
  /** External port -> internal port. */
  readonly mappings: Map<number, number> = new Map()
  /** Names of SOAP actions, in order. */
  readonly actions: string[] = []
  epochSeconds = 1000

  constructor(options: FakeGatewayOptions) {
    this.options = options
  }

  get #ip(): Buffer {
    return Buffer.from((this.options.externalIp ?? '198.51.100.7').split('.').map(Number))
  }

  /** The answer of port 5351. */
  answer(data: Buffer): Buffer | undefined {
    const { speaks } = this.options
    if (data[0] === 0 && speaks.includes('nat-pmp')) return this.#natPmp(data)
    if (data[0] === 2 && speaks.includes('pcp')) return this.#pcp(data)
    if (speaks.includes('nat-pmp')) return Buffer.from('0080000100000000', 'hex')
    return undefined
  }

  #natPmp(data: Buffer): Buffer {
    if (data[1] === 0) {
      const reply = Buffer.alloc(12)
      reply.writeUInt8(128, 1)
      reply.writeUInt32BE(this.epochSeconds, 4)
      this.#ip.copy(reply, 8)
      return reply
    }
    const lease = data.readUInt32BE(8)
    const reply = Buffer.alloc(16)
    reply.writeUInt8(129, 1)
    reply.writeUInt32BE(this.epochSeconds, 4)
    reply.writeUInt16BE(data.readUInt16BE(4), 8)
    reply.writeUInt16BE(this.#map(data.readUInt16BE(4), data.readUInt16BE(6), lease), 10)
    reply.writeUInt32BE(lease, 12)
    return reply
  }

  #pcp(data: Buffer): Buffer {
    const reply = Buffer.from(data)
    reply.writeUInt8(data.readUInt8(1) | 0x80, 1)
    reply.fill(0, 8, 24)
    reply.writeUInt32BE(this.epochSeconds, 8)
    if (data[1] !== 1) return reply
    const lease = data.readUInt32BE(4)
    reply.writeUInt16BE(this.#map(data.readUInt16BE(40), data.readUInt16BE(42), lease), 42)
    this.#ip.copy(reply, 56)
    return reply
  }

  #map(internal: number, wanted: number, lease: number): number {
    if (lease === 0) {
      for (const [outer, inner] of [...this.mappings]) {
        if (inner === internal) this.mappings.delete(outer)
      }
      return 0
    }
    let outer = wanted
    while (this.options.taken?.includes(outer)) outer++
    this.mappings.set(outer, internal)
    return outer
  }

  /** The answer of port 1900; `base` is where `http` is served. */
  search(data: Buffer, base: string): Buffer | undefined {
    if (!this.options.speaks.includes('upnp') || !data.includes('M-SEARCH')) return undefined
    const lines = ['HTTP/1.1 200 OK', `Location: ${base}/desc.xml`, 'ST: upnp:rootdevice', '\r\n']
    return Buffer.from(lines.join('\r\n'))
  }

  http(path: string, body: string): { readonly status: number; readonly body: string } {
    if (path === '/desc.xml') return { status: 200, body: DESCRIPTION }
    const action = /<u:(\w+) /.exec(body)?.[1] ?? ''
    this.actions.push(path === '/ppp' ? `${action} (ppp)` : action)
    // A line that is not up: described, without an address.
    if (path === '/ppp') return fault(501)
    const outer = Number(textOf(body, 'NewExternalPort'))
    switch (action) {
      case 'GetExternalIPAddress': {
        const ip = this.options.externalIp ?? '198.51.100.7'
        return { status: 200, body: `<NewExternalIPAddress>${ip}</NewExternalIPAddress>` }
      }
      case 'AddPortMapping':
        if (this.options.isPermanentOnly && textOf(body, 'NewLeaseDuration') !== '0') {
          return fault(725)
        }
        if (this.options.taken?.includes(outer)) return fault(718)
        this.mappings.set(outer, Number(textOf(body, 'NewInternalPort')))
        return { status: 200, body: '' }
      case 'GetSpecificPortMappingEntry':
        return this.mappings.has(outer) ? { status: 200, body: '' } : fault(714)
      case 'DeletePortMapping':
        return this.mappings.delete(outer) ? { status: 200, body: '' } : fault(714)
      default:
        return fault(401)
    }
  }
}

function fault(code: number): { readonly status: number; readonly body: string } {
  return { status: 500, body: `<s:Fault><errorCode>${code}</errorCode></s:Fault>` }
}

const DESCRIPTION = `<?xml version="1.0"?><root><device><serviceList>
<service><serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType>
<controlURL>/l3</controlURL></service>
<service><serviceType>urn:schemas-upnp-org:service:WANPPPConnection:1</serviceType>
<controlURL>/ppp</controlURL></service>
<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>
<controlURL>/ip?a=1&amp;b=2</controlURL></service>
</serviceList></device></root>`

/** Serves it on `ip`, an address in 127/8; the returned function closes. */
export async function serveGateway(gateway: FakeGateway, ip: string): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => (body += String(chunk)))
    request.on('end', () => {
      const answer = gateway.http((request.url ?? '').split('?')[0] ?? '', body)
      response.writeHead(answer.status).end(answer.body)
    })
  })
  await new Promise<void>(resolve => server.listen(0, ip, resolve))
  const { port } = server.address() as AddressInfo // It listens on TCP.
  const base = `http://${ip}:${port}`
  const sockets = [
    { port: 5351, answer: (data: Buffer) => gateway.answer(data) },
    { port: 1900, answer: (data: Buffer) => gateway.search(data, base) },
  ].map(({ port: at, answer }) => {
    const socket = createSocket('udp4')
    socket.on('message', (data, { address, port: to }) => {
      const reply = answer(data)
      if (reply) socket.send(reply, to, address)
    })
    return { socket, bound: new Promise<void>(resolve => socket.bind(at, ip, resolve)) }
  })
  await Promise.all(sockets.map(({ bound }) => bound))
  return async () => {
    for (const { socket } of sockets) socket.close()
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
}
