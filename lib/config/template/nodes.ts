// The syntax tree of a template. `at` is an offset into the source, `text` the source of an
// expression (for errors).

export type Node =
  | { readonly type: 'text'; readonly text: string; readonly at: number }
  | { readonly type: 'action'; readonly pipe: Pipe }
  | {
      readonly type: 'if' | 'with' | 'range'
      readonly pipe: Pipe
      readonly body: Body
      readonly otherwise: Body
    }
  | { readonly type: 'break' | 'continue' }

export type Body = readonly Node[]

/** `$a, $b := first | second`: each command's value becomes the last argument of the next. */
export interface Pipe {
  readonly names: readonly string[]
  readonly declares: boolean
  readonly commands: readonly Command[]
  readonly at: number
}

export interface Command {
  readonly words: readonly Operand[]
  readonly at: number
  readonly text: string
}

export type Operand =
  | { readonly type: 'literal'; readonly value: string | number | boolean | undefined }
  | { readonly type: 'dot' }
  | { readonly type: 'variable'; readonly name: string }
  | { readonly type: 'function'; readonly name: string }
  | { readonly type: 'pipe'; readonly pipe: Pipe }
  | { readonly type: 'fields'; readonly of: Operand; readonly names: readonly string[] }
