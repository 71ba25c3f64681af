// The sources of the project, parsed: what each file imports and the few things that the
// architecture test looks for in its text.

import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import ts from 'typescript'

export interface Import {
  /** Path from the top (`lib/errors.ts`), or the name of a package or a `node:` module. */
  readonly to: string
  readonly line: number
  readonly isRelative: boolean
  /** Nothing of it is left at run time. */
  readonly isTypeOnly: boolean
  /** `import()`: loaded when it is needed. */
  readonly isDynamic: boolean
}

export interface Source {
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
  /** What style.md forbids in the syntax, as `any (line 3)`. */
  readonly faults: readonly string[]
  /** Called or read by name: `Date.now`, `Math.random`, `setTimeout`, `performance.now`. */
  readonly names: ReadonlySet<string>
  readonly strings: ReadonlySet<string>
}

/** Every .ts file below the folders but declarations of foreign modules, sorted by path. */
export function readSources(folders: readonly string[]): Source[] {
  const paths = folders.flatMap(folder =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts') && !name.endsWith('.d.ts'))
      .map(name => posix.join(folder, name.replaceAll('\\', '/'))),
  )
  return paths.sort().map(readSource)
}

function readSource(path: string): Source {
  const text = readFileSync(path, 'utf8')
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
  const imports: Import[] = []
  const faults: string[] = []
  const names = new Set<string>()
  const strings = new Set<string>()
  const lineOf = (node: ts.Node): number => {
    return file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1
  }
  const add = (node: ts.Node, name: string, kind: Partial<Import>): void => {
    const isRelative = name.startsWith('.')
    const to = isRelative ? posix.join(posix.dirname(path), name) : name
    const line = lineOf(node)
    imports.push({ to, line, isRelative, isTypeOnly: false, isDynamic: false, ...kind })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) strings.add(node.text)
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      const { moduleSpecifier: name } = node
      if (name && ts.isStringLiteral(name)) {
        add(node, name.text, { isTypeOnly: isTypeOnly(node) })
      }
    } else if (ts.isCallExpression(node)) {
      const [name] = node.arguments
      const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword
      if (isImport && name && ts.isStringLiteral(name)) add(node, name.text, { isDynamic: true })
    } else if (ts.isPropertyAccessExpression(node)) {
      names.add(`${node.expression.getText(file)}.${node.name.text}`)
    } else if (ts.isIdentifier(node)) {
      names.add(node.text)
    }
    if (node.kind === ts.SyntaxKind.AnyKeyword) faults.push(`any (line ${lineOf(node)})`)
    if (ts.isNonNullExpression(node)) faults.push(`! (line ${lineOf(node)})`)
    const isAsserted = ts.isPropertyDeclaration(node) || ts.isVariableDeclaration(node)
    if (isAsserted && node.exclamationToken) faults.push(`!: (line ${lineOf(node)})`)
    if (ts.isExportAssignment(node)) faults.push(`default export (line ${lineOf(node)})`)
    if (ts.isEnumDeclaration(node)) faults.push(`enum (line ${lineOf(node)})`)
    ts.forEachChild(node, visit)
  }
  visit(file)
  return { path, text, imports, faults, names, strings }
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) {
    const { exportClause: clause } = node
    if (node.isTypeOnly || !clause || !ts.isNamedExports(clause)) return node.isTypeOnly
    return clause.elements.every(element => element.isTypeOnly)
  }
  const { importClause: clause } = node
  if (!clause) return false
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const { name, namedBindings: bindings } = clause
  if (name || !bindings || !ts.isNamedImports(bindings)) return false
  return bindings.elements.every(element => element.isTypeOnly)
}
