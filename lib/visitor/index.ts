// Visitors: the client-side doors to secret proxies. The face of this folder.

export type { Visitor, VisitorHost, VisitorPhase, VisitorSession, VisitorState } from './host.ts'
export type { PathStream, Route, VisitorPath } from './path.ts'
export { createVisitor } from './registry.ts'
