// Finds the known key that a mistyped one was meant to be.

/** Longer names are not compared: the work grows with the square of the length. */
const MAX_LENGTH = 64

/**
 * The closest of `names`, or undefined where none is close. Case and underscores do not count
 * (`server_addr`).
 */
export function nearest(written: string, names: readonly string[]): string | undefined {
  const wanted = plain(written)
  if (wanted === '' || wanted.length > MAX_LENGTH) return undefined
  let best: string | undefined
  let smallest = Math.max(1, Math.floor(wanted.length / 4)) + 1
  for (const name of names) {
    const edits = distance(wanted, plain(name), smallest)
    if (edits < smallest) {
      smallest = edits
      best = name
    }
  }
  return best
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[_.-]/g, '')
}

/** Edits from a to b, where two swapped neighbours count as one; gives up at `limit`. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let edits = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, (beforeLast[j - 2] ?? 0) + 1)
      }
      row.push(edits)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? limit
}
