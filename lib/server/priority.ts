// The priority that a client may ask for what the server writes to it (feature `priority`).

import type { StreamPriority } from '../transport/transport.ts'

/** Of a message; undefined for a word that is none. */
export function priorityNamed(word: string): StreamPriority | undefined {
  switch (word) {
    case '':
    case 'auto':
      return 'auto'
    case 'interactive':
    case 'bulk':
      return word
    default:
      return undefined
  }
}
