// The visitor types of this client: one line a type.

import type { VisitorConfig, VisitorType } from '../config/index.ts'
import { TunnelError } from '../errors.ts'
import type { Visitor, VisitorHost } from './host.ts'
import { stcpVisitor } from './stcp.ts'
import { sudpVisitor } from './sudp.ts'
import { xtcpVisitor } from './xtcp.ts'

type VisitorMaker = (config: VisitorConfig, host: VisitorHost) => Visitor

const makers: Readonly<Partial<Record<VisitorType, VisitorMaker>>> = {
  stcp: stcpVisitor,
  sudp: sudpVisitor,
  xtcp: xtcpVisitor,
}

/** Throws UNSUPPORTED for a type that does not exist yet. */
export function createVisitor(config: VisitorConfig, host: VisitorHost): Visitor {
  const maker = makers[config.type]
  if (maker !== undefined) return maker(config, host)
  const detail = `visitor ${config.name}: type ${config.type} does not exist yet`
  throw new TunnelError('UNSUPPORTED', detail)
}
