// The internet checksum (RFC 1071) and its update for a changed field (RFC 1624). Sans-IO.

export function read16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

export function read32(bytes: Uint8Array, at: number): number {
  return read16(bytes, at) * 0x1_0000 + read16(bytes, at + 2)
}

export function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value & 255
}

export function write32(bytes: Uint8Array, at: number, value: number): void {
  write16(bytes, at, value >>> 16)
  write16(bytes, at + 2, value & 0xffff)
}

/** Sum of the 16-bit words, an odd byte padded with zero; add sums, then `fold`. */
export function sumWords(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0
  let at = from
  for (; at + 1 < to; at += 2) sum += read16(bytes, at)
  if (at < to) sum += (bytes[at] ?? 0) << 8
  return sum
}

/** The checksum of a sum: its ones' complement in 16 bits. */
export function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000)
  return ~sum & 0xffff
}

/** What a checksum becomes when words with the sum `before` turn into words with `after`. */
export function updated(checksum: number, before: number, after: number): number {
  // ~(~HC + ~m + m'), RFC 1624; the complement of a sum is that of its folded form.
  return fold((~checksum & 0xffff) + fold(before) + after)
}

/** Both words of an address. */
export function wordsOf(address: number): number {
  return (address >>> 16) + (address & 0xffff)
}
