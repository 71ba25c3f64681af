// The parts of the `stun` package that codec.ts uses; it has no types of its own.

declare module 'stun/src/node_modules/message/decode.js' {
  interface Attribute {
    readonly type: number
    readonly value: unknown
  }
  /** Throws for what it cannot read. */
  export default function decode(message: Buffer): Iterable<Attribute>
}

declare module 'stun/src/node_modules/message/encode.js' {
  import type { Request } from 'stun/src/node_modules/lib/create-message.js'
  export default function encode(message: Request): Buffer
}

declare module 'stun/src/node_modules/lib/create-message.js' {
  export interface Request {
    /** An attribute of a type it does not know throws. */
    addAttribute(type: number, ...values: readonly unknown[]): unknown
  }
  const createMessage: {
    createMessage(type: number, transactionId: Buffer): Request
  }
  export default createMessage
}
