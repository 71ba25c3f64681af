// A server as the proxies see it, which does nothing that it is not given.

import { systemClock } from '../../lib/clock.ts'
import { silentLogger } from '../../lib/log.ts'
import type { ProxyHost, ProxySpec } from '../../lib/proxy/host.ts'

export const SPEC: Omit<ProxySpec, 'name' | 'type'> = {
  remotePort: 0,
  useEncryption: false,
  useCompression: false,
  priority: 'auto',
  limitBytesPerSecond: 0,
  annotations: {},
  metadatas: {},
}

export const never = (): Promise<never> => new Promise(() => {})

export function fakeHost(choice: Partial<ProxyHost>): ProxyHost {
  return {
    log: silentLogger,
    clock: systemClock,
    encryptionKey: Buffer.alloc(16),
    listenTcp: never,
    listenUdp: never,
    udpLimits: { maxUsers: 1, maxPerIp: 1 },
    packets: { isReal: true },
    openDoor: () => ({ close: () => {} }),
    openRendezvous: () => ({ close: () => {} }),
    openWorkStream: never,
    countTraffic: () => {},
    countConnection: () => () => {},
    ...choice,
  }
}
