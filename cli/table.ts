// Rows under heads, padded as frp's tables are: columns two apart.

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, ...rows]
  const widths = heads.map((_, column) => {
    return Math.max(...lines.map(cells => (cells[column] ?? '').length))
  })
  return lines
    .map(cells => cells.map((cell, column) => cell.padEnd((widths[column] ?? 0) + 2)).join(''))
    .map(line => line.trimEnd())
    .join('\n')
}
