// A text that must not be seen: prints as `***` wherever it lands by accident (log, JSON, template string, inspect).

/** Only `reveal` gives the text. Compare and derive keys with the result; never log it. */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
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

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '***'
  }
}
