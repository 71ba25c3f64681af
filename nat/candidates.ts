// Which addresses of a peer may be sent to, and which of ours are worth offering.


/** A network of an interface, e.g. 192.168.1.7 with 24. */
export interface LocalNetwork {
  readonly ip: string
  readonly prefixLength: number
}
