// How a figure is written: three digits that matter, a factor, a unit.

import type { Unit } from './types.ts'

/** Three digits that matter: 3412, 97.4, 1.52, 0.017; and 0. */
export function formatNumber(value: number): string {
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 99.95) return value.toFixed(0)
  if (size < 0.0995) return value.toFixed(3)
  return value.toFixed(size >= 9.995 ? 1 : 2)
}

export function formatFigure(value: number, unit: Unit): string {
  return unit === '' ? formatNumber(value) : `${formatNumber(value)} ${unit}`
}

/** 12x, 3.1x, 1.07x. */
export function formatFactor(factor: number): string {
  if (factor >= 9.95) return `${factor.toFixed(0)}x`
  return `${factor.toFixed(factor >= 1.095 ? 1 : 2)}x`
}

/** `37.1..39.0`; nothing for a single value, which has no spread. */
export function formatRange(summary: { min: number; max: number; count: number }): string {
  if (summary.count === 1) return ''
  return `${formatNumber(summary.min)}..${formatNumber(summary.max)}`
}

/** `45 s`, `3 min 20 s`. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 100) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** As a page writes it; a terminal may know no letter beyond ASCII. */
export function pageUnit(unit: Unit): string {
  return unit === 'us' ? 'µs' : unit
}

/** Signs that a page has and a terminal may not have: 12×, 37.1–39.0, ±, µs. */
export function pageText(text: string): string {
  return text
    .replace(/(?<=\d)x\b/g, '×')
    .replace(/(?<=\d)\.\.(?=-?\d)/g, '–')
    .replace(/(?<=\d )us\b/g, 'µs')
    .replaceAll('+-', '±')
}
