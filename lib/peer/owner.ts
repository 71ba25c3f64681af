// The owner's ends of peer connections: one for each visitor that frps has introduced and that knows
// the secret. They live on when the session with frps does not.

import { createHash, X509Certificate } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Flow, FlowLink } from '../datagram/index.ts'
import type { SessionKeys } from '../e2e/index.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { selfSignedCertificate } from '../transport/certificate.ts'
import { acceptPeer, type PeerSession } from '../transport/quic-peer.ts'
import type { Session, Stream } from '../transport/transport.ts'
import type { PeerNetwork } from './network.ts'
import { Peer } from './peer.ts'
import { PEER } from './peer-socket.ts'
import { openSignals } from './signal-stream.ts'
import type { PeerStatus } from './status.ts'
import { readHead, type StreamHead } from './stream-kinds.ts'

export interface OwnerPeersOptions {
  /** Of the proxy, with the user prefix. */
  readonly name: string
  readonly secretKey: string
  /** Users may go over frps. */
  readonly mayRelay: boolean
  readonly network: PeerNetwork
  readonly clock: Clock
  readonly log: Logger
  readonly onChange: () => void
  /**
   * One user, or the packets of all users of a visitor. Owns the stream. Resolves when he is gone;
   * never rejects.
   */
  serve(stream: Stream, head: StreamHead, session: Session): Promise<void>
}

/** Visitors of one proxy at one time. */
const MAX_PEERS = 256

export class OwnerPeers {
  readonly #options: OwnerPeersOptions
  readonly #peers = new Map<string, Peer>()
  readonly #closing = new AbortController()
  readonly #resetSecret: Buffer
  #tls: Promise<OwnerTls> | undefined

  constructor(options: OwnerPeersOptions) {
    this.#options = options
    const { name, secretKey } = options
    this.#resetSecret = createHash('sha256').update(`peer reset ${name} ${secretKey}`).digest()
    // A process's first certificate takes 130 ms of a processor, which a visitor would wait for.
    this.#certificate().catch(() => {}) // who needs it is told
  }

  /**
   * A visitor's packets: a flow for each of its peer connections, named by the flow's address.
   * `observed`: where frps sees the visitor. Owns the link; resolves when it is over.
   */
  async serveLink(
    link: FlowLink,
    { keys, observed }: { readonly keys: SessionKeys; readonly observed: string | undefined },
  ): Promise<void> {
    link.onFlow(flow => this.#attach(flow, keys, observed))
    await link.closed
  }

  status(): PeerStatus[] {
    return [...this.#peers.values()].map(peer => peer.status())
  }

  close(): void {
    this.#closing.abort()
    for (const peer of this.#peers.values()) peer.close('the proxy is closed')
  }

  #attach(flow: Flow, keys: SessionKeys, observed: string | undefined): void {
    const id = flow.address.ip
    const known = this.#peers.get(id)
    if (known !== undefined && !known.isOver) {
      known.handleObserved(observed)
      known.attachRelay(flow)
      return
    }
    if (this.#peers.size >= MAX_PEERS || this.#closing.signal.aborted) {
      this.#options.log.warn(`more than ${MAX_PEERS} visitors at once, the next one is refused`)
      flow.close()
      return
    }
    const { name, mayRelay, network, clock, log, onChange } = this.#options
    const peer = new Peer({ role: 'owner', name, keys, mayRelay, network, clock, log, onChange })
    this.#peers.set(id, peer)
    void peer.closed.then(reason => {
      if (this.#peers.get(id) === peer) this.#peers.delete(id)
      const text = `visitor's peer connection is over: ${reason}`
      // Of one that never began, the visitor's log has more.
      if (peer.session === undefined) log.debug(text)
      else log.info(text)
    })
    void this.#accept(peer)
    peer.handleObserved(observed)
    peer.attachRelay(flow)
  }

  #certificate(): Promise<OwnerTls> {
    this.#tls ??= newTls()
    return this.#tls
  }

  async #accept(peer: Peer): Promise<void> {
    const { log } = this.#options
    try {
      const tls = await this.#certificate()
      const { signal } = this.#closing
      const resetSecret = this.#resetSecret
      const options = { remote: PEER, signal, tls, resetSecret }
      const session = await acceptPeer(peer.socket, options)
      session.onStream(stream => {
        stream.on('error', ignore)
        this.#serve(peer, session, { stream, certificate: tls.der }).catch((error: unknown) => {
          log.debug(`a stream of the peer was refused: ${errorDetail(error)}`)
          stream.destroy()
        })
      })
      peer.attachSession(session)
    } catch (error) {
      peer.close(errorDetail(error))
    }
  }

  async #serve(
    peer: Peer,
    session: PeerSession,
    { stream, certificate }: { readonly stream: Stream; readonly certificate: Uint8Array },
  ): Promise<void> {
    const { clock } = this.#options
    const head = await readHead(stream, clock)
    if (head.kind === 'signals') {
      if (peer.onSignal !== undefined) throw new TunnelError('PROTOCOL_ERROR', 'signals twice')
      stream.setPriority?.('interactive')
      await openSignals(stream, { peer, certificate, clock })
      return
    }
    if (head.kind !== 'rehearsal') peer.track(stream, head.kind)
    await this.#options.serve(stream, head, session)
  }
}

interface OwnerTls {
  readonly key: string
  readonly cert: string
  readonly der: Uint8Array
}

async function newTls(): Promise<OwnerTls> {
  const pair = await selfSignedCertificate()
  return { ...pair, der: new X509Certificate(pair.cert).raw }
}

function ignore(): void {}
