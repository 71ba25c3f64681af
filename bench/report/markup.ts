// HTML and SVG put together from templates. Whatever is put into one is escaped, unless it is
// markup itself: no text of a peer, a config or a machine can become an element of the page.

export type Part = Markup | string | number | undefined | readonly Part[]

export class Markup {
  readonly text: string

  /** Takes `text` as it is: only for text that this program wrote. */
  constructor(text: string) {
    this.text = text
  }
}

/** A tag for templates; `undefined` is nothing, a list is its members in a row. */
export function markup(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  const pieces = strings.flatMap((string, index) => [string, render(parts[index])])
  return new Markup(pieces.join(''))
}

function render(part: Part): string {
  if (part === undefined) return ''
  if (part instanceof Markup) return part.text
  if (typeof part === 'string') return escape(part)
  if (typeof part === 'number') return String(part)
  return part.map(render).join('')
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
