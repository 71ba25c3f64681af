import t from 'tap'
import { DARK, LIGHT, styleSheet } from '../../bench/report/page-style.ts'
import type { Palette } from '../../bench/report/page-style.ts'

type Rgb = readonly [number, number, number]

/** Linear light, 0..1. */
function linear(color: string): Rgb {
  const channel = (at: number): number => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }
  return [channel(1), channel(3), channel(5)]
}

/** Contrast of WCAG 2.2: 1..21. */
function contrast(a: string, b: string): number {
  const luminance = ([red, green, blue]: Rgb): number =>
    0.2126 * red + 0.7152 * green + 0.0722 * blue
  const [low = 0, high = 0] = [luminance(linear(a)), luminance(linear(b))].sort((x, y) => x - y)
  return (high + 0.05) / (low + 0.05)
}

/** What a dichromat sees: Machado, Oliveira and Fernandes 2009, severity 1, on linear light. */
const SIGHTS: Readonly<Record<string, readonly Rgb[]>> = {
  usual: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
}

function times(matrix: readonly Rgb[], vector: Rgb): Rgb {
  const [a = 0, b = 0, c = 0] = matrix.map(row =>
    row.reduce((sum, factor, index) => sum + factor * (vector[index] ?? 0), 0),
  )
  return [a, b, c]
}

/** Distance in OKLab (Ottosson 2020), times 100: about 2 is just to be seen side by side. */
function distance(a: string, b: string, sight: readonly Rgb[]): number {
  const lab = (color: string): Rgb => {
    const seen = times(sight, linear(color))
    const cones = times(
      [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
      ],
      seen,
    )
    return times(
      [
        [0.2104542553, 0.793617785, -0.0040720468],
        [1.9779984951, -2.428592205, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.808675766],
      ],
      [Math.cbrt(cones[0]), Math.cbrt(cones[1]), Math.cbrt(cones[2])],
    )
  }
  const [one, two] = [lab(a), lab(b)]
  return 100 * Math.hypot(one[0] - two[0], one[1] - two[1], one[2] - two[2])
}

const PALETTES: readonly (readonly [string, Palette])[] = [
  ['light', LIGHT],
  ['dark', DARK],
]

for (const [name, palette] of PALETTES) {
  t.test(`${name}: text and curves stand out from their ground`, async t => {
    for (const ground of [palette.ground, palette.card]) {
      t.ok(contrast(palette.ink, ground) >= 7, 'ink')
      t.ok(contrast(palette.muted, ground) >= 4.5, 'muted')
    }
    for (const [hue, colors] of Object.entries(palette.hues)) {
      for (const color of colors) {
        const value = contrast(color, palette.card)
        t.ok(value >= 3, `${hue} ${color}: ${value.toFixed(2)}`)
      }
    }
  })

  t.test(`${name}: two hues are told apart by every eye`, async t => {
    const hues = Object.entries(palette.hues)
    for (const [sight, matrix] of Object.entries(SIGHTS)) {
      hues.forEach(([one, [first]], index) => {
        for (const [other, [second]] of hues.slice(index + 1)) {
          const value = distance(first, second, matrix)
          t.ok(value >= 10, `${sight}: ${one} and ${other}: ${value.toFixed(1)}`)
        }
      })
    }
  })
}

t.test('the style sheet loads nothing', async t => {
  t.notMatch(styleSheet(), /url\(|@import|http/)
})
