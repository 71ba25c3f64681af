// The only import of the native quiche (0.18) binding. It is loaded when QUIC is first used:
// `frpc --version` and machines without the binary (ARM Linux, musl) never touch it.

import type { ConfigConstructor, ConnectionConstructor, HeaderConstructor } from './quiche-types.ts'

export interface Quiche {
  readonly Config: ConfigConstructor
  readonly Connection: ConnectionConstructor
  readonly Header: HeaderConstructor
  negotiateVersion(scid: Uint8Array, dcid: Uint8Array, out: Uint8Array): number
  retry(
    scid: Uint8Array,
    dcid: Uint8Array,
    newScid: Uint8Array,
    token: Uint8Array,
    version: number,
    out: Uint8Array,
  ): number
  versionIsSupported(version: number): boolean
}

let loading: Promise<Quiche> | undefined

/**
 * Loads the binding once. Rejects with the loader's error where there is no binary for this
 * platform.
 */
export function loadQuiche(): Promise<Quiche> {
  loading ??= import('@matrixai/quic/native/quiche.js').then(
    // The package types its export as a bag of values; quiche-types.ts states what this project
    // uses of it.
    module => module.default as unknown as Quiche,
  )
  return loading
}
