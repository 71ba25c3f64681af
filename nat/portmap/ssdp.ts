// How UPnP devices are found: a question by UDP to a multicast group, answers that name a URL
// (UPnP Device Architecture 2.0 §1.3). Anyone on the LAN can answer, so the URL has to be one of
// the gateway itself.

import type { Address } from '../../lib/address.ts'

export const SSDP_GROUP: Address = { ip: '239.255.255.250', port: 1900 }

/**
 * What is looked for. Newer devices answer for version 1, too; some routers answer only for the
 * root.
 */
export const SSDP_TARGETS: readonly string[] = [
  'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  'upnp:rootdevice',
]

const MAX_ANSWER_BYTES = 2048

export function encodeSearch(target: string): Buffer {
  return Buffer.from(
    [
      'M-SEARCH * HTTP/1.1',
      `HOST: ${SSDP_GROUP.ip}:${SSDP_GROUP.port}`,
      'MAN: "ssdp:discover"',
      // Seconds over which devices spread their answers.
      'MX: 1',
      `ST: ${target}`,
      '\r\n',
    ].join('\r\n'),
  )
}

/**
 * The URL of a device description on `gateway`, or undefined: no answer, or one that leads
 * elsewhere.
 */
export function decodeAnswer(data: Buffer, gateway: string): string | undefined {
  if (data.length > MAX_ANSWER_BYTES) return undefined
  const [status = '', ...lines] = data.toString('latin1').split('\r\n')
  if (!/^HTTP\/1\.[01] 200\b/.test(status)) return undefined
  const header = lines.find(line => /^location:/i.test(line))
  return urlOn(gateway, header?.slice('location:'.length).trim() ?? '')
}

/**
 * `text` as an absolute http URL if it is one on `gateway`, without credentials; `base` is for
 * relative ones. Nothing else is ever fetched.
 */
export function urlOn(gateway: string, text: string, base?: string): string | undefined {
  if (text === '' || !URL.canParse(text, base)) return undefined
  const url = new URL(text, base)
  const isPlain = url.protocol === 'http:' && url.username === '' && url.password === ''
  return isPlain && url.hostname === gateway ? url.href : undefined
}
