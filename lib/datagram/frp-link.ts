// A flow link towards a real frp: UDPPacket messages on a stream, for all users of a proxy
// (frp-wire.md section 6.2). There a packet's address is all that names its flow.

import type { Duplex } from 'node:stream'
import { isIP } from 'node:net'
import { type Address, formatAddress } from '../address.ts'
import type { Clock } from '../clock.ts'
import { MessageChannel } from '../wire/channel.ts'
import { encodeMessage, HEADER_BYTES, MAX_BODY_BYTES } from '../wire/codec.ts'
import type { Message, UdpAddress } from '../wire/messages.ts'
import type { Flow, FlowEnd, FlowLink } from './flow.ts'

export interface FrpLinkOptions {
  /** After StartWorkConn (or NewVisitorConnResp), with its layers. Owned from the call on. */
  readonly stream: Duplex
  /**
   * `service`: the side of the local service, which pings; `user`: the server, or a visitor, which
   * ends the link after 60 s of silence and must never ping.
   */
  readonly side: 'service' | 'user'
  readonly clock: Clock
}

const PING_MS = 30_000
const SILENCE_MS = 60_000

/**
 * Bytes that may wait in the stream, some 1,000 packets, as frp's queue; then the newest is
 * dropped, as there.
 */
const MAX_QUEUED_BYTES = 192 << 10

/** Flows at one time; a peer can name any number of addresses. */
const MAX_FLOWS = 65_536

/**
 * Silence after this is the end of the stream for a real frp: both sides keep such a link alive.
 */
export function frpFlowLink(options: FrpLinkOptions): FlowLink {
  return new FrpLink(options)
}

class FrpLink implements FlowLink {
  readonly peerIdleMs: number | undefined = undefined
  readonly closed: Promise<string>
  readonly #stream: Duplex
  readonly #channel: MessageChannel
  readonly #clock: Clock
  readonly #flows = new Map<string, FrpFlow>()
  readonly #settleClosed: (reason: string) => void
  #handler: ((flow: Flow) => void) | undefined
  #heardAt: number
  #frames: Buffer[] = []
  #framesBytes = 0
  #cancelTimer: (() => void) | undefined
  #isOver = false

  constructor({ stream, side, clock }: FrpLinkOptions) {
    this.#stream = stream
    this.#clock = clock
    this.#heardAt = clock.now()
    let settle = (_reason: string): void => {}
    this.closed = new Promise(resolve => (settle = resolve))
    this.#settleClosed = settle
    this.#channel = new MessageChannel(stream, { clock })
    void this.#channel.closed.then(({ detail }) => this.#finish(detail))
    if (side === 'service') this.#ping()
    else this.#watch()
    // The owner has this turn for setting its handler.
    queueMicrotask(() => {
      if (!this.#isOver) this.#channel.onMessage(message => this.#handle(message))
    })
  }

  open(address: Address): Flow | undefined {
    return this.#open(address)
  }

  #open(address: Address): FrpFlow | undefined {
    if (this.#isOver || this.#flows.size >= MAX_FLOWS) return undefined
    const key = formatAddress(address)
    this.#flows.get(key)?.handleDropped()
    const flow = new FrpFlow(address, {
      send: (payload, tail) => this.#send(payload, tail),
      forget: gone => {
        if (this.#flows.get(key) === gone) this.#flows.delete(key)
      },
    })
    this.#flows.set(key, flow)
    return flow
  }

  onFlow(handler: (flow: Flow) => void): void {
    this.#handler = handler
  }

  close(): void {
    this.#finish('closed')
  }

  #finish(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cancelTimer?.()
    for (const flow of [...this.#flows.values()]) flow.handleDropped()
    this.#channel.destroy()
    this.#settleClosed(reason)
  }

  #handle(message: Message): void {
    this.#heardAt = this.#clock.now()
    if (message.type !== 'UDPPacket' || message.r === undefined) return
    const address = addressOf(message.r)
    if (address === undefined) return
    let flow = this.#flows.get(formatAddress(address))
    if (flow === undefined && this.#handler !== undefined) {
      flow = this.#open(address)
      if (flow !== undefined) this.#handler(flow)
    }
    flow?.handlePacket?.(message.c)
  }

  /**
   * The same bytes as encodeMessage gives, without its walk over the fields: `tail` is made once
   * for a flow. A packet that does not fit into a message (some 7,600 bytes) is dropped; sent, it
   * would end the stream.
   */
  #send(payload: Buffer, tail: string): void {
    const waiting = this.#stream.writableLength + this.#framesBytes
    if (this.#isOver || waiting > MAX_QUEUED_BYTES) return
    const length = PACKET_START.length + Math.ceil(payload.length / 3) * 4 + tail.length
    if (length > MAX_BODY_BYTES) return
    const frame = Buffer.allocUnsafe(HEADER_BYTES + length)
    frame[0] = PACKET_TYPE
    frame.writeUInt32BE(0, 1)
    frame.writeUInt32BE(length, 5)
    const json = PACKET_START + payload.toString('base64') + tail
    frame.write(json, HEADER_BYTES, 'latin1')
    if (this.#frames.length === 0) setImmediate(() => this.#flush())
    this.#frames.push(frame)
    this.#framesBytes += frame.length
  }

  /** The packets of one turn of the loop leave in one write. */
  #flush(): void {
    const frames = this.#frames
    this.#frames = []
    this.#framesBytes = 0
    if (!this.#isOver) this.#stream.write(Buffer.concat(frames))
  }

  #ping(): void {
    this.#cancelTimer = this.#clock.after(PING_MS, () => {
      this.#channel.send({ type: 'Ping' })
      this.#ping()
    })
  }

  #watch(): void {
    const leftMs = this.#heardAt + SILENCE_MS - this.#clock.now()
    if (leftMs <= 0) this.#finish('nothing came for 60 s')
    else this.#cancelTimer = this.#clock.after(leftMs, () => this.#watch())
  }
}

const PACKET_TYPE = 0x75
const PACKET_START = '{"c":"'

interface FrpFlowHost {
  send(payload: Buffer, tail: string): void
  forget(flow: FrpFlow): void
}

class FrpFlow implements Flow {
  readonly address: Address
  isClosed: boolean = false
  handlePacket: ((payload: Buffer) => void) | undefined
  readonly #host: FrpFlowHost
  readonly #tail: string
  #handleClose: ((by: FlowEnd) => void) | undefined

  constructor(address: Address, host: FrpFlowHost) {
    this.address = address
    this.#host = host
    this.#tail = tailOf(address)
  }

  send(payload: Buffer): void {
    if (!this.isClosed) this.#host.send(payload, this.#tail)
  }

  onPacket(handler: (payload: Buffer) => void): void {
    this.handlePacket = handler
  }

  onClose(handler: (by: FlowEnd) => void): void {
    this.#handleClose = handler
  }

  /** The other side is not told: frp has no word for it. */
  close(): void {
    this.isClosed = true
    this.handlePacket = undefined
    this.#host.forget(this)
  }

  handleDropped(): void {
    if (this.isClosed) return
    this.close()
    this.#handleClose?.('link')
  }
}

/** What follows the payload in a message, taken from one that the codec has written. */
function tailOf({ ip, port }: Address): string {
  const [plain = '', zone = ''] = ip.split('%')
  const r = { IP: plain, Port: port, Zone: zone }
  const json = encodeMessage({ type: 'UDPPacket', c: Buffer.from('x'), r })
  const text = json.toString('latin1', HEADER_BYTES)
  return text.slice(text.indexOf('"', PACKET_START.length))
}

function addressOf({ IP, Port, Zone }: UdpAddress): Address | undefined {
  if (isIP(IP) === 0) return undefined
  return { ip: Zone === '' ? IP : `${IP}%${Zone}`, port: Port }
}
