// Finds the default gateway in what the system says: Linux' table of routes as a file, and the
// output of the tools of macOS, BSD and Windows.

import { isIPv4 } from 'node:net'

/** RTF_GATEWAY of Linux' route flags. */
const HAS_GATEWAY = 2

/** From /proc/net/route; of several default routes the one with the smallest metric. */
export function gatewayOfProcNetRoute(text: string): string | undefined {
  let best: { gateway: string; metric: number } | undefined
  for (const line of text.split('\n').slice(1)) {
    const [, destination, gateway = '', flags = '', , , metricText, mask] = line.trim().split(/\s+/)
    if (destination !== '00000000' || mask !== '00000000') continue
    if ((Number.parseInt(flags, 16) & HAS_GATEWAY) === 0) continue
    if (!/^[0-9A-F]{8}$/i.test(gateway)) continue
    const metric = Number(metricText)
    if (best !== undefined && metric >= best.metric) continue
    // In the machine's byte order; Node runs on little-endian machines almost only.
    best = { gateway: Buffer.from(gateway, 'hex').reverse().join('.'), metric }
  }
  return best?.gateway
}

/** From `route -n get default` (macOS, BSD): `    gateway: 192.168.1.1`. */
export function gatewayOfRouteGet(text: string): string | undefined {
  const gateway = /^\s*gateway:\s*(\S+)/m.exec(text)?.[1] ?? ''
  return isIPv4(gateway) ? gateway : undefined
}

/**
 * From `route print -4 0.0.0.0` (Windows): destination, mask, gateway, interface, metric. Its words
 * are in the user's language, these columns are not.
 */
export function gatewayOfRoutePrint(text: string): string | undefined {
  let best: { gateway: string; metric: number } | undefined
  for (const line of text.split(/\r?\n/)) {
    const [destination, mask, gateway = '', , metricText] = line.trim().split(/\s+/)
    if (destination !== '0.0.0.0' || mask !== '0.0.0.0' || !isIPv4(gateway)) continue
    const metric = Number(metricText)
    if (best === undefined || metric < best.metric) best = { gateway, metric }
  }
  return best?.gateway
}
