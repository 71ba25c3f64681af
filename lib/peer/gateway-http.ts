// One HTTP request to the gateway, for UPnP: bounded in time and size, no redirects, no proxy, a
// connection of its own.

import { request } from 'node:http'
import { MAX_DOCUMENT_BYTES, type IgdHttpRequest, type IgdHttpResponse } from '../../nat/index.ts'

/** A slow router takes a second for a rule. */
const HTTP_TIMEOUT_MS = 2500

/** Undefined for anything but a whole answer in time. `localIp`: where it leaves this machine. */
export function fetchFromGateway(
  { method, url, headers, body }: IgdHttpRequest,
  { localIp, signal }: { readonly localIp: string; readonly signal: AbortSignal },
): Promise<IgdHttpResponse | undefined> {
  return new Promise(resolve => {
    const bound = AbortSignal.any([signal, AbortSignal.timeout(HTTP_TIMEOUT_MS)])
    const outgoing = request(url, {
      method,
      headers: { ...headers, connection: 'close', 'content-length': Buffer.byteLength(body) },
      agent: false,
      localAddress: localIp,
      signal: bound,
    })
    outgoing.on('error', () => resolve(undefined))
    outgoing.on('response', response => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > MAX_DOCUMENT_BYTES) outgoing.destroy(new Error('too long'))
        else chunks.push(chunk)
      })
      response.on('error', () => resolve(undefined))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        resolve({ status: response.statusCode ?? 0, body: text })
      })
    })
    outgoing.end(body)
  })
}
