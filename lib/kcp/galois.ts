// Arithmetic in GF(2^8) with the polynomial 0x11d, and matrices over it. Addition is XOR.

const POLYNOMIAL = 0x11d

/** Powers of 2, twice in a row, and their inverse. */
const EXP = new Uint8Array(510)
const LOG = new Uint8Array(256)
for (let power = 0, value = 1; power < 255; power++) {
  EXP[power] = EXP[power + 255] = value
  LOG[value] = power
  value <<= 1
  if (value > 255) value ^= POLYNOMIAL
}

export function multiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0
  return EXP[(LOG[a] ?? 0) + (LOG[b] ?? 0)] ?? 0
}

/** `a` to the power of `exponent`; 0 to the power of 0 is 1. */
export function power(a: number, exponent: number): number {
  if (exponent === 0) return 1
  return a === 0 ? 0 : (EXP[((LOG[a] ?? 0) * exponent) % 255] ?? 0)
}

/** Rows of numbers below 256. */
export type Matrix = readonly Uint8Array[]

export function product(a: Matrix, b: Matrix): Matrix {
  const columns = b[0]?.length ?? 0
  return a.map(row => {
    const out = new Uint8Array(columns)
    for (const [index, factor] of row.entries()) addMultiple(out, b[index], factor)
    return out
  })
}

/** Gauss and Jordan; undefined where there is none. */
export function inverse(matrix: Matrix): Matrix | undefined {
  const size = matrix.length
  const rows = matrix.map((row, index) => {
    const wide = new Uint8Array(2 * size)
    wide.set(row)
    wide[size + index] = 1
    return wide
  })
  for (let column = 0; column < size; column++) {
    const found = rows.findIndex((row, index) => index >= column && row[column] !== 0)
    const pivot = rows[found]
    const displaced = rows[column]
    if (pivot === undefined || displaced === undefined) return undefined
    rows[found] = displaced
    rows[column] = pivot
    const factor = power(pivot[column] ?? 0, 254)
    for (const [index, value] of pivot.entries()) pivot[index] = multiply(value, factor)
    for (const row of rows) if (row !== pivot) addMultiple(row, pivot, row[column] ?? 0)
  }
  return rows.map(row => row.subarray(size))
}

function addMultiple(to: Uint8Array, from: Uint8Array | undefined, factor: number): void {
  if (from === undefined || factor === 0) return
  for (const [index, value] of from.entries()) {
    to[index] = (to[index] ?? 0) ^ multiply(value, factor)
  }
}
