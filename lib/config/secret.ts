// A text that must not be seen: prints as `***` wherever it lands by accident (log, JSON, template
// string, inspect).

import { inspect } from 'node:util'

/** Only `reveal` gives the text. Compare and derive keys with the result; never log it. */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
    // console.log and util.inspect look for this symbol; a method of that name cannot be declared
    // portably.
    Object.defineProperty(this, inspect.custom, { value: () => '***' })
  }

  reveal(): string {
    return this.#text
  }

  /** An empty secret means "not set", as in frp. */
  get isEmpty(): boolean {
    return this.#text === ''
  }

  toString(): string {
    return '***'
  }

  toJSON(): string {
    return '***'
  }
}
