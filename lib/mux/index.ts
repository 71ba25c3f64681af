// yamux: many streams over one connection. The face of this folder.
export { describeBytes } from './codec.ts'
export { MuxLink, type MuxClosed, type MuxOptions } from './link.ts'
export { MUX_DEFAULTS, type MuxConfig } from './session.ts'
export { MuxStream } from './stream.ts'
