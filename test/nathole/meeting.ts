// Owner, visitor and frps of a hole in one process, on loopback: real sockets and QUIC, and
// messages that are encoded and decoded on their way.

import type { Test } from 'tap'
import { systemClock } from '../../lib/clock.ts'
import {
  clientConfigFromValues,
  type XtcpProxyConfig,
  type XtcpVisitorConfig,
} from '../../lib/config/index.ts'
import { type Logger, silentLogger } from '../../lib/log.ts'
import { HoleRequests } from '../../lib/nathole/index.ts'
import { serveFrpHole } from '../../lib/proxy/frp-hole.ts'
import type { Joined } from '../../lib/proxy/join.ts'
import { LocalLeg } from '../../lib/proxy/local-leg.ts'
import { type NatHoleParty, NatHoles } from '../../lib/server/natholes.ts'
import type { Stream } from '../../lib/transport/transport.ts'
import { FrpHolePath } from '../../lib/visitor/frp-hole-path.ts'
import { deriveKey } from '../../lib/wire/cipher.ts'
import { decodeBody, encodeMessage, HEADER_BYTES } from '../../lib/wire/codec.ts'
import type { Message, OutgoingMessage } from '../../lib/wire/messages.ts'
import { duplexPair } from '../support/duplex-pair.ts'
import { stunServer } from './stun-server.ts'

export interface MeetingChoice {
  readonly localPort: number
  /** Keys of the config, on top of a pair that works. */
  readonly proxy?: Readonly<Record<string, unknown>>
  readonly visitor?: Readonly<Record<string, unknown>>
  /** The server knows no secret, and the owner checks. Default false. */
  readonly ownerChecks?: boolean
  /** The STUN server has a second address. Default true. */
  readonly hasOther?: boolean
  /** The owner does not hear of visitors. Default false. */
  readonly isDeaf?: boolean
}

export interface Meeting {
  readonly path: FrpHolePath
  /** One for each hole, in the order in which they opened. */
  readonly joined: Joined[]
  readonly lines: string[]
}

const QUIC = { keepaliveMs: 10_000, idleTimeoutMs: 30_000, maxStreams: 100 }

export async function meet(t: Test, choice: MeetingChoice): Promise<Meeting> {
  const { proxy, visitor } = configs(choice)
  const { address } = await stunServer(t, { hasOther: choice.hasOther ?? true })
  const stunServers = [address]
  const network = { stunServers, quic: QUIC }
  const lines: string[] = []
  const line = (text: string): void => void lines.push(text)
  const log: Logger = { ...silentLogger, debug: line, info: line, warn: line }
  const natHoles = new NatHoles({ clock: systemClock, log, reserveMs: 3_600_000 })

  const owner = partyOf('ann', natHoles)
  const guest = partyOf('bob', natHoles)
  const end = new AbortController()
  const joined: Joined[] = []
  const opening = new Set<Stream>()
  const secretKey = proxy.secretKey.reveal()
  const ownerChecks = choice.ownerChecks ?? false
  natHoles.open(
    {
      name: 'ann.x',
      owner: owner.party,
      sk: ownerChecks ? '' : secretKey,
      ownerChecks,
      allowUsers: ['bob'],
    },
    async () => {
      const [stream, far] = duplexPair()
      if (choice.isDeaf === true) return { stream, halfClose: true }
      const leg = new LocalLeg(proxy, { encryptionKey: deriveKey('token'), clock: systemClock })
      const options = { signalling: owner.requests, network, log, signal: end.signal }
      serveFrpHole({ config: proxy, name: 'ann.x', leg, opening }, far, options).then(
        one => joined.push(one),
        () => {},
      )
      return { stream, halfClose: true }
    },
  )
  const session = async (): Promise<{ signalling: HoleRequests }> => ({
    signalling: guest.requests,
  })
  const host = { log, clock: systemClock, user: 'bob', session }
  const path = new FrpHolePath(visitor, { host, network })
  t.teardown(async () => {
    end.abort()
    await path.close()
    await Promise.all(joined.map(one => one.ended))
    owner.requests.close()
    guest.requests.close()
  })
  return { path, joined, lines }
}

function configs({ localPort, proxy, visitor }: MeetingChoice): {
  readonly proxy: XtcpProxyConfig
  readonly visitor: XtcpVisitorConfig
} {
  const secretKey = 'open sesame'
  const loaded = clientConfigFromValues({
    common: {},
    proxies: [{ name: 'x', type: 'xtcp', secretKey, localPort, ...proxy }],
    visitors: [
      {
        name: 'door',
        type: 'xtcp',
        secretKey,
        serverUser: 'ann',
        serverName: 'x',
        bindPort: -1,
        ...visitor,
      },
    ],
  })
  const [ofOwner] = loaded.proxies
  const [ofVisitor] = loaded.visitors
  if (ofOwner?.type !== 'xtcp' || ofVisitor?.type !== 'xtcp') throw new Error('not of type xtcp')
  return { proxy: ofOwner, visitor: ofVisitor }
}

/** A client of the server, whose messages go over the wire format. */
function partyOf(
  user: string,
  natHoles: NatHoles,
): { readonly party: NatHoleParty; readonly requests: HoleRequests } {
  const requests = new HoleRequests({
    clock: systemClock,
    send: message => setImmediate(() => natHoles.receive(overWire(message), party)),
  })
  const party: NatHoleParty = {
    user,
    ip: '127.0.0.1',
    rttMs: () => 1,
    send: message => {
      const read = overWire(message)
      if (read.type === 'NatHoleResp') setImmediate(() => requests.handleAnswer(read))
    },
  }
  return { party, requests }
}

function overWire(message: OutgoingMessage): Message {
  const frame = encodeMessage(message)
  return decodeBody(frame.readUInt8(0), frame.subarray(HEADER_BYTES))
}
