// What two of ours can do beyond frp. Both sides send the list, in Login and LoginResp; a feature is
// used when both name it. Towards a real peer nothing may differ.

export const FEATURES: readonly string[] = [
  /** The server opens work streams itself, in a session where it can. */
  'server-streams',
  /** An end in one direction leaves the other one open. */
  'half-close',
  /** Owner and visitor of a secret proxy agree on keys that the server does not know. */
  'visitor-e2e',
  /** Packets of udp and sudp proxies have heads of ours, not frp's messages. */
  'packet-links',
  /** ... and travel as datagrams of the session, where it has them. */
  'datagrams',
  /** NewProxy and NewVisitorConn may bring a priority for what the server writes. */
  'priority',
]
