// The XML of a UPnP internet gateway: which services its description offers, the SOAP requests that
// map a UDP port, and their answers. UPnP WANIPConnection:1 and :2, WANPPPConnection:1.
//
// A few known elements are searched for, in documents of at most MAX_DOCUMENT_BYTES: routers write
// XML that strict parsers refuse, and a parser would be a dependency.

import { urlOn } from './ssdp.ts'

/** Longest document that is read; descriptions of real routers have 2 to 20 kB. */
export const MAX_DOCUMENT_BYTES = 65_536

const MAX_SERVICES = 32

/** That can map ports, best first. */
const SERVICE_TYPES = [
  'urn:schemas-upnp-org:service:WANIPConnection:2',
  'urn:schemas-upnp-org:service:WANIPConnection:1',
  'urn:schemas-upnp-org:service:WANPPPConnection:1',
]

export interface IgdService {
  readonly type: string
  readonly controlUrl: string
}

export interface SoapRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Services of a description that was read from `url`; only ones on `gateway`, best first. */
export function servicesOf(document: string, url: string, gateway: string): IgdService[] {
  const base = urlOn(gateway, textOf(document, 'URLBase') ?? '') ?? url
  const found: IgdService[] = []
  for (const block of blocksOf(document, 'service')) {
    const type = textOf(block, 'serviceType') ?? ''
    const controlUrl = urlOn(gateway, textOf(block, 'controlURL') ?? '', base)
    if (controlUrl !== undefined && SERVICE_TYPES.includes(type)) found.push({ type, controlUrl })
  }
  return found.sort((a, b) => SERVICE_TYPES.indexOf(a.type) - SERVICE_TYPES.indexOf(b.type))
}

export function soapRequest(
  { type, controlUrl }: IgdService,
  action: string,
  fields: Readonly<Record<string, string | number>> = {},
): SoapRequest {
  const inner = Object.entries(fields).map(([name, value]) => `<${name}>${value}</${name}>`)
  const body = [
    '<?xml version="1.0"?>\r\n',
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"',
    ' s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>',
    `<u:${action} xmlns:u="${type}">${inner.join('')}</u:${action}>`,
    '</s:Body></s:Envelope>\r\n',
  ].join('')
  const headers = {
    'content-type': 'text/xml; charset="utf-8"',
    soapaction: `"${type}#${action}"`,
  }
  return { url: controlUrl, headers, body }
}

/** The address of GetExternalIPAddress's answer; undefined where the router has none. */
export function externalIpOf(document: string): string | undefined {
  const text = textOf(document, 'NewExternalIPAddress') ?? ''
  const bytes = text.split('.')
  const isIpv4 = bytes.length === 4 && bytes.every(byte => /^\d{1,3}$/.test(byte) && +byte < 256)
  return isIpv4 && text !== '0.0.0.0' ? text : undefined
}

/** The number of a SOAP fault: 725, 718, ... */
export function faultOf(document: string): number | undefined {
  const text = textOf(document, 'errorCode') ?? ''
  return /^\d{1,5}$/.test(text) ? Number(text) : undefined
}

/** The text of the first element of that name, in whatever namespace. */
export function textOf(document: string, name: string): string | undefined {
  const inner = blocksOf(document, name, 1)[0]
  return inner === undefined || inner.includes('<') ? undefined : unescape(inner.trim())
}

/** What stands in the elements of that name. One pass over the document. */
function blocksOf(document: string, name: string, limit: number = MAX_SERVICES): string[] {
  const found: string[] = []
  const start = new RegExp(`<(?:[\\w-]{1,32}:)?${name}(?:\\s[^<>]{0,256})?>`, 'g')
  const end = new RegExp(`</(?:[\\w-]{1,32}:)?${name}\\s{0,8}>`, 'g')
  while (found.length < limit && start.exec(document) !== null) {
    end.lastIndex = start.lastIndex
    const match = end.exec(document)
    if (match === null) break
    found.push(document.slice(start.lastIndex, match.index))
    start.lastIndex = end.lastIndex
  }
  return found
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
}

function unescape(text: string): string {
  return text.replaceAll(/&(?:amp|lt|gt|quot|apos);/g, entity => ENTITIES[entity] ?? entity)
}
