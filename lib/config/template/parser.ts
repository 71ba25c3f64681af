// Tokens to tree. Functions and variables are resolved here, as Go does, so that a template with an
// unknown name fails even where the branch would not run. Not there: define, template, block (no
// real configuration uses them).

import { TemplateError, type Token } from './lexer.ts'
import type { Body, Command, Node, Operand, Pipe } from './nodes.ts'

/** Deeper nesting of blocks or parentheses is refused: the tree is walked recursively. */
const MAX_DEPTH = 100
const KEYWORDS = [
  'if',
  'else',
  'end',
  'range',
  'with',
  'break',
  'continue',
  'define',
  'template',
  'block',
]

/** Throws TemplateError. `functions` are the names that may be called. */
export function parse(
  source: string,
  tokens: readonly Token[],
  functions: ReadonlySet<string>,
): Body {
  return new Parser(source, tokens, functions).template()
}

type BlockEnd = 'end' | 'else' | 'eof'

class Parser {
  readonly #source: string
  readonly #tokens: readonly Token[]
  readonly #functions: ReadonlySet<string>
  readonly #variables: string[] = ['$']
  #next = 0
  #depth = 0
  #loops = 0

  constructor(source: string, tokens: readonly Token[], functions: ReadonlySet<string>) {
    this.#source = source
    this.#tokens = tokens
    this.#functions = functions
  }

  template(): Body {
    const { body, ended, at } = this.#body()
    if (ended !== 'eof') throw new TemplateError(at, `unexpected {{${ended}}}`)
    return body
  }

  /**
   * Nodes up to {{end}}, {{else}} or the end of the text; of the action that ended it only the
   * keyword is consumed.
   */
  #body(): { body: Body; ended: BlockEnd; at: number } {
    const body: Node[] = []
    for (;;) {
      const token = this.#take()
      if (token.type === 'end') return { body, ended: 'eof', at: token.at }
      if (token.type === 'text') {
        body.push({ type: 'text', text: token.text, at: token.at })
        continue
      }
      this.#skipSpace()
      const word = this.#peek()
      const keyword = word.type === 'word' && KEYWORDS.includes(word.text) ? word.text : undefined
      if (keyword !== undefined) this.#next++
      if (keyword === 'end' || keyword === 'else') return { body, ended: keyword, at: word.at }
      body.push(this.#action(keyword, word.at))
    }
  }

  #action(keyword: string | undefined, at: number): Node {
    switch (keyword) {
      case undefined: {
        const pipe = this.#pipe('command')
        this.#close('command')
        return { type: 'action', pipe }
      }
      case 'if':
      case 'with':
      case 'range':
        return this.#block(keyword, at)
      case 'break':
      case 'continue':
        if (this.#loops === 0) throw new TemplateError(at, `{{${keyword}}} outside {{range}}`)
        this.#close(keyword)
        return { type: keyword }
      default:
        throw new TemplateError(
          at,
          `{{${keyword}}} is not available in this version of quicfrp yet`,
        )
    }
  }

  #block(type: 'if' | 'with' | 'range', at: number): Node {
    this.#enter(at)
    const scope = this.#variables.length
    const pipe = this.#pipe(type)
    this.#close(type)
    if (type === 'range') this.#loops++
    const first = this.#body()
    if (type === 'range') this.#loops--
    let otherwise: Body = []
    if (first.ended === 'else') {
      otherwise = this.#else(type)
    } else {
      this.#ended(first)
      this.#close('end')
    }
    this.#variables.length = scope
    this.#depth--
    return { type, pipe, body: first.body, otherwise }
  }

  /**
   * After the word `else`: either its body up to {{end}}, or `else if` / `else with`, which share
   * that {{end}}.
   */
  #else(type: 'if' | 'with' | 'range'): Body {
    this.#skipSpace()
    const word = this.#peek()
    if (type !== 'range' && word.type === 'word' && word.text === type) {
      this.#next++
      return [this.#block(type, word.at)]
    }
    this.#close('else')
    const second = this.#body()
    if (second.ended === 'else') throw new TemplateError(second.at, 'unexpected {{else}}')
    this.#ended(second)
    this.#close('end')
    return second.body
  }

  #ended({ ended, at }: { ended: BlockEnd; at: number }): void {
    if (ended === 'eof') throw new TemplateError(at, 'unexpected EOF')
  }

  /**
   * `$a, $b := ` or `$a = ` if there, then commands joined by `|`. Stops before the closing token.
   */
  #pipe(context: string): Pipe {
    this.#skipSpace()
    const at = this.#peek().at
    const { names, declares } = this.#declaration(context)
    const commands: Command[] = []
    for (;;) {
      this.#skipSpace()
      const command = this.#command()
      const earlier = commands.length > 0
      const [first] = command.words
      if (first === undefined) {
        throw new TemplateError(
          command.at,
          earlier ? 'missing command after |' : `missing value for ${context}`,
        )
      }
      if (earlier && (first.type === 'literal' || first.type === 'dot')) {
        throw new TemplateError(
          command.at,
          `non executable command in pipeline stage ${commands.length + 1}`,
        )
      }
      commands.push(command)
      const token = this.#peek()
      if (token.type !== 'mark' || token.text !== '|') break
      this.#next++
    }
    if (declares) this.#variables.push(...names)
    return { names, declares, commands, at }
  }

  #declaration(context: string): { names: string[]; declares: boolean } {
    const start = this.#next
    const names: string[] = []
    for (;;) {
      this.#skipSpace()
      const token = this.#take()
      if (token.type !== 'variable') break
      names.push(token.text)
      this.#skipSpace()
      const mark = this.#take()
      if (mark.type !== 'mark') break
      if (mark.text === ',' && context === 'range' && names.length === 1) continue
      if (mark.text === ':=' || (mark.text === '=' && this.#variables.includes(names[0] ?? ''))) {
        return { names, declares: mark.text === ':=' }
      }
      break
    }
    this.#next = start
    return { names: [], declares: false }
  }

  /** Operands separated by space, up to `|`, `)` or the end of the action; the stopper is left. */
  #command(): Command {
    const at = this.#peek().at
    const words: Operand[] = []
    let end = at
    for (;;) {
      const token = this.#peek()
      if (
        token.type === 'close' ||
        (token.type === 'mark' && (token.text === '|' || token.text === ')'))
      )
        break
      if (token.type === 'space') {
        this.#next++
        continue
      }
      if (words.length > 0 && this.#tokens[this.#next - 1]?.type !== 'space') {
        throw new TemplateError(token.at, `unexpected ${describe(token)} in operand`)
      }
      words.push(this.#operand())
      end = this.#peek().at
    }
    return { words, at, text: this.#source.slice(at, end) }
  }

  #operand(): Operand {
    let operand = this.#term()
    const names: string[] = []
    for (
      let token = this.#peek();
      token.type === 'field' && token.text !== '.';
      token = this.#peek()
    ) {
      names.push(token.text.slice(1))
      this.#next++
    }
    if (names.length > 0) {
      if (operand.type === 'literal') {
        throw new TemplateError(this.#peek().at, 'unexpected . after term')
      }
      operand = { type: 'fields', of: operand, names }
    }
    return operand
  }

  #term(): Operand {
    const token = this.#take()
    switch (token.type) {
      case 'string':
        return { type: 'literal', value: token.text }
      case 'number':
        return { type: 'literal', value: token.value }
      case 'field':
        if (token.text !== '.') this.#next-- // #operand reads the name
        return { type: 'dot' }
      case 'variable':
        if (!this.#variables.includes(token.text)) {
          throw new TemplateError(token.at, `undefined variable "${token.text}"`)
        }
        return { type: 'variable', name: token.text }
      case 'word':
        return this.#word(token.text, token.at)
      case 'mark':
        if (token.text === '(') return this.#parenthesis(token.at)
    }
    throw new TemplateError(token.at, `unexpected ${describe(token)} in operand`)
  }

  #word(text: string, at: number): Operand {
    if (text === 'true' || text === 'false') return { type: 'literal', value: text === 'true' }
    if (text === 'nil') return { type: 'literal', value: undefined }
    if (KEYWORDS.includes(text)) throw new TemplateError(at, `unexpected <${text}> in operand`)
    if (!this.#functions.has(text)) throw new TemplateError(at, `function "${text}" not defined`)
    return { type: 'function', name: text }
  }

  #parenthesis(at: number): Operand {
    this.#enter(at)
    const pipe = this.#pipe('parenthesized pipeline')
    const token = this.#take()
    if (token.type !== 'mark') throw new TemplateError(at, 'unclosed left paren')
    this.#depth--
    return { type: 'pipe', pipe }
  }

  #enter(at: number): void {
    if (++this.#depth > MAX_DEPTH)
      throw new TemplateError(at, `nested deeper than ${MAX_DEPTH} levels`)
  }

  #close(context: string): void {
    this.#skipSpace()
    const token = this.#take()
    if (token.type !== 'close')
      throw new TemplateError(token.at, `unexpected ${describe(token)} in ${context}`)
  }

  #skipSpace(): void {
    while (this.#peek().type === 'space') this.#next++
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { type: 'end', at: this.#source.length }
  }

  #take(): Token {
    const token = this.#peek()
    this.#next++
    return token
  }
}

function describe(token: Token): string {
  return 'text' in token ? `<${token.text}>` : `<${token.type}>`
}
