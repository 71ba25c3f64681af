// Random numbers that a seed brings back.

export interface Random {
  /** 0 <= x < below, an integer. */
  below(below: number): number
  bytes(length: number): Buffer
}

/** SEED in the environment replays a run; the caller prints `seed`. */
export function testSeed(): number {
  return Number(process.env['SEED'] ?? Date.now() % 1_000_000_000)
}

/** Mulberry32. */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return {
    below: below => Math.floor((next() / 0x1_0000_0000) * below),
    bytes(length) {
      const bytes = Buffer.allocUnsafe(length)
      for (let at = 0; at < length; at++) bytes[at] = next() & 255
      return bytes
    },
  }
}
