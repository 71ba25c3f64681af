// Proxy names on the wire and at the client, and texts of the server on their way into our log.
// Rules of the names: frp-wire.md §2.5.

/** `user.name`, or `name` when the client has no user. */
export function wireName(user: string, name: string): string {
  return user === '' ? name : `${user}.${name}`
}

/** Takes one leading `user.` off; any other name stays as it is. */
export function rawName(user: string, name: string): string {
  return user !== '' && name.startsWith(`${user}.`) ? name.slice(user.length + 1) : name
}

const MAX_TEXT = 500

/** A text of the peer, fit for one log line: no line breaks, no terminal escapes, bounded. */
export function printable(text: string): string {
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ')
  return plain.length > MAX_TEXT ? `${plain.slice(0, MAX_TEXT)}...` : plain
}
