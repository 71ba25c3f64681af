// Runs a parsed template. Bounded in steps and output, since a range over a range can be
// arbitrarily long.

import type { TemplateFunction } from './functions.ts'
import { TemplateError } from './lexer.ts'
import type { Body, Command, Node, Operand, Pipe } from './nodes.ts'
import type { Output } from './output.ts'
import { isList, isMap, isTrue, print, sortedKeys, Struct, typeName, type Value } from './values.ts'

/** About a second of work; a configuration of 10,000 generated proxies needs a tenth of it. */
const MAX_STEPS = 2_000_000
/** Characters of one value. */
const MAX_TEXT = 1024 * 1024

export type Functions = ReadonlyMap<string, TemplateFunction>

/** Writes to `output`. Throws TemplateError, its message in the form that Go gives it. */
export function execute(body: Body, data: Value, functions: Functions, output: Output): void {
  new Execution(data, functions, output).body(body, data)
}

type Jump = 'break' | 'continue' | undefined

class Execution {
  readonly #functions: Functions
  readonly #output: Output
  readonly #variables: { readonly name: string; value: Value }[]
  #steps = 0

  constructor(data: Value, functions: Functions, output: Output) {
    this.#functions = functions
    this.#output = output
    this.#variables = [{ name: '$', value: data }]
  }

  body(body: Body, dot: Value): Jump {
    for (const node of body) {
      const jump = this.#node(node, dot)
      if (jump !== undefined) return jump
    }
    return undefined
  }

  #node(node: Node, dot: Value): Jump {
    switch (node.type) {
      case 'text':
        this.#step(node.at)
        this.#output.copy(node.text, node.at)
        return undefined
      case 'action': {
        const value = this.#pipe(node.pipe, dot)
        if (node.pipe.names.length > 0) return undefined
        if (value === undefined) this.#warn(node.pipe)
        this.#output.write(value === undefined ? '<no value>' : print(value), node.pipe.at)
        return undefined
      }
      case 'break':
      case 'continue':
        return node.type
      default: {
        const scope = this.#variables.length
        const jump = node.type === 'range' ? this.#range(node, dot) : this.#branch(node, dot)
        this.#variables.length = scope
        return jump
      }
    }
  }

  #branch(node: Extract<Node, { pipe: Pipe; body: Body }>, dot: Value): Jump {
    const value = this.#pipe(node.pipe, dot)
    if (!isTrue(value)) return this.body(node.otherwise, dot)
    return this.body(node.body, node.type === 'with' ? value : dot)
  }

  #range(node: Extract<Node, { pipe: Pipe; body: Body }>, dot: Value): Jump {
    const [first, second] = node.pipe.names
    const over = this.#commands(node.pipe, dot)
    const scope = this.#variables.length
    let ran = false
    for (const [key, item] of this.#items(over, node.pipe)) {
      ran = true
      // With one name it is the item, with two the first is the key, as in Go.
      if (first !== undefined) this.#bind(node.pipe, first, second === undefined ? item : key)
      if (second !== undefined) this.#bind(node.pipe, second, item)
      const jump = this.body(node.body, item)
      this.#variables.length = scope
      if (jump === 'break') break
    }
    return ran ? undefined : this.body(node.otherwise, dot)
  }

  *#items(over: Value, pipe: Pipe): Generator<readonly [Value, Value]> {
    if (isList(over)) {
      for (const entry of over.entries()) {
        this.#step(pipe.at)
        yield entry
      }
    } else if (isMap(over)) {
      for (const key of sortedKeys(over)) yield [key, over.get(key)]
    } else if (typeof over === 'number' && Number.isInteger(over)) {
      for (let i = 0; i < over; i++) {
        this.#step(pipe.at)
        yield [i, i]
      }
    } else if (over !== undefined) {
      throw this.#failure(
        pipe.at,
        pipe.commands[0]?.text ?? '',
        `range can't iterate over ${print(over)}`,
      )
    }
  }

  #pipe(pipe: Pipe, dot: Value): Value {
    const value = this.#commands(pipe, dot)
    for (const name of pipe.names) this.#bind(pipe, name, value)
    return value
  }

  #bind(pipe: Pipe, name: string, value: Value): void {
    if (pipe.declares) {
      this.#variables.push({ name, value })
      return
    }
    const variable = this.#variables.findLast(entry => entry.name === name)
    if (variable !== undefined) variable.value = value
  }

  #commands(pipe: Pipe, dot: Value): Value {
    let piped: readonly Value[] = []
    for (const command of pipe.commands) piped = [this.#command(command, dot, piped)]
    return piped[0]
  }

  #command(command: Command, dot: Value, piped: readonly Value[]): Value {
    this.#step(command.at)
    const [first, ...rest] = command.words
    if (first === undefined) return undefined // the parser gives every command a word
    if (first.type === 'function') return this.#call(first.name, rest, command, dot, piped)
    if (rest.length > 0 || piped.length > 0) {
      throw this.#failure(
        command.at,
        command.text,
        `can't give argument to non-function ${command.text}`,
      )
    }
    if (first.type === 'literal' && first.value === undefined) {
      throw this.#failure(command.at, command.text, 'nil is not a command')
    }
    return this.#operand(first, command, dot)
  }

  #call(
    name: string,
    words: readonly Operand[],
    command: Command,
    dot: Value,
    piped: readonly Value[],
  ): Value {
    if (name === 'and' || name === 'or') return this.#shortcut(name, words, command, dot, piped)
    const called = this.#functions.get(name)
    const values = [...words.map(word => this.#operand(word, command, dot)), ...piped]
    if (called === undefined)
      throw this.#failure(command.at, command.text, `"${name}" is not a defined function`)
    if (values.length < called.least || values.length > called.most) {
      const wanted = called.most === Infinity ? `at least ${called.least}` : `${called.least}`
      const text = `wrong number of args for ${name}: want ${wanted} got ${values.length}`
      throw this.#failure(command.at, name, text)
    }
    try {
      return this.#charge(called.call(values), command.at)
    } catch (error) {
      if (error instanceof TemplateError) throw error
      const reason = error instanceof Error ? error.message : String(error)
      throw this.#failure(command.at, command.text, `error calling ${name}: ${reason}`)
    }
  }

  /**
   * `and` gives the first false argument, `or` the first true one, else the last; the rest is not
   * evaluated.
   */
  #shortcut(
    name: 'and' | 'or',
    words: readonly Operand[],
    command: Command,
    dot: Value,
    piped: readonly Value[],
  ): Value {
    if (words.length + piped.length === 0) {
      throw this.#failure(
        command.at,
        name,
        `wrong number of args for ${name}: want at least 1 got 0`,
      )
    }
    let value: Value
    for (const word of words) {
      value = this.#operand(word, command, dot)
      if (isTrue(value) === (name === 'or')) return value
    }
    return piped.length > 0 ? piped[0] : value
  }

  #operand(operand: Operand, command: Command, dot: Value): Value {
    switch (operand.type) {
      case 'literal':
        return operand.value
      case 'dot':
        return dot
      case 'variable':
        return this.#variables.findLast(entry => entry.name === operand.name)?.value
      case 'function':
        return this.#call(operand.name, [], command, dot, [])
      case 'pipe':
        return this.#pipe(operand.pipe, dot)
      case 'fields': {
        let value = this.#operand(operand.of, command, dot)
        for (const name of operand.names) value = this.#field(value, name, command)
        return value
      }
      default:
        return operand satisfies never
    }
  }

  /** Go prints `<no value>`, which nobody wants as a password. */
  #warn(pipe: Pipe): void {
    const text = pipe.commands.map(command => command.text.trim()).join(' | ')
    this.#output.warn(`{{ ${text} }} has no value and becomes "<no value>"`, pipe.at)
  }

  /** A missing key of a map is no value; with `index` it is an empty text. Both as in Go. */
  #field(of: Value, name: string, command: Command): Value {
    if (isMap(of)) return of.get(name)
    if (of instanceof Struct && of.fields.has(name)) return of.fields.get(name)
    const reason =
      of === undefined
        ? `nil data; no entry for key "${name}"`
        : `can't evaluate field ${name} in type ${typeName(of)}`
    throw this.#failure(command.at, command.text, reason)
  }

  /**
   * Making a long list or text is work too, and a text that doubles itself would fill the memory.
   */
  #charge(value: Value, at: number): Value {
    if (isList(value)) this.#step(at, value.length)
    if (typeof value === 'string') {
      if (value.length > MAX_TEXT) throw new TemplateError(at, `a text longer than ${MAX_TEXT}`)
      this.#step(at, value.length >> 6)
    }
    return value
  }

  #step(at: number, count = 1): void {
    this.#steps += count
    if (this.#steps > MAX_STEPS)
      throw new TemplateError(at, `more than ${MAX_STEPS} steps; is a range too long?`)
  }

  #failure(at: number, text: string, reason: string): TemplateError {
    const shown = text.length > 40 ? text.slice(0, 37) + '...' : text
    return new TemplateError(at, `executing "frp" at <${shown}>: ${reason}`)
  }
}
