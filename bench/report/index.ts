// The faces of a report: text for a terminal, JSON, and a page.

export { htmlReport } from './html.ts'
export { jsonReport } from './json.ts'
export { ProgressLine } from './progress.ts'
export type { ProgressStream, Step } from './progress.ts'
export { terminalReport, wantsColor } from './terminal.ts'
export type { TerminalOptions } from './terminal.ts'
