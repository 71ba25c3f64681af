// How a peer looks and what it is called on a page: the same in every plot of every report. The
// hue says the transport, the line says the program (ours whole, others dashed), so that neither
// needs the other to be told apart.

export interface PeerLook {
  /** Short, for a legend. */
  readonly label: string
  /** Inside a sentence. */
  readonly words: string
  /** Class names of page-style.ts: a hue, then a line. */
  readonly classes: string
}

const TRANSPORTS: Readonly<Record<string, { readonly label: string; readonly hue: string }>> = {
  quic: { label: 'QUIC', hue: 'blue' },
  tcp: { label: 'TCP', hue: 'orange' },
  kcp: { label: 'KCP', hue: 'green' },
  websocket: { label: 'WebSocket', hue: 'purple' },
  xtcp: { label: 'xtcp', hue: 'blue' },
  wss: { label: 'WSS', hue: 'purple' },
}

/** `peer` is the name of a peer: `ours-quic`, `ours-quic-1452`, `frp-tcp`, `rathole`, `direct`. */
export function lookOf(peer: string): PeerLook {
  if (peer === 'direct') return { label: 'no tunnel', words: 'no tunnel', classes: 'grey dotted' }
  const [program = '', protocol = '', ...rest] = peer.split('-')
  const transport = TRANSPORTS[protocol]
  if (transport === undefined) return { label: peer, words: peer, classes: 'ochre mixed' }
  const { label, hue } = transport
  const extra = rest.length === 0 ? '' : ` (${rest.join(' ')})`
  if (program !== 'ours') {
    const own = `${program} ${label}${extra}`
    const words = `${program} in ${protocol} mode${extra}`
    return { label: own, words, classes: `${hue} dashed` }
  }
  return {
    label: `${label}${extra}`,
    words: `${protocol === 'quic' ? 'QUIC' : `${label} mode`}${extra}`,
    classes: `${hue} ${rest.length === 0 ? 'whole' : 'mixed'}`,
  }
}
