// The demonstration's own users: they open the public ports and check that the services behind the
// tunnel answer.

import { get } from 'node:http'
import { connect } from 'node:net'
import { BANNER, PAGE_TITLE } from './services.ts'

export interface EchoVisit {
  /** First line of the service. */
  readonly banner: string
  /** Median of the echoes of one short line. */
  readonly echoMs: number
}

export interface PageVisit {
  readonly status: number
  readonly title: string
  /** From opening the connection to the last byte; median. */
  readonly tookMs: number
}

const VISIT_TIMEOUT_MS = 5000
const ECHOES = 15
const PAGE_VISITS = 5

/** Rejects when the banner or an echo is wrong, late or missing. */
export function visitEcho(port: number): Promise<EchoVisit> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const fail = (text: string): void => {
      socket.destroy(new Error(`public port ${port}: ${text}`))
    }
    let text = ''
    let banner: string | undefined
    let sentAt = 0
    const times: number[] = []
    socket.setEncoding('utf8')
    socket.setTimeout(VISIT_TIMEOUT_MS, () => fail(`no answer within ${VISIT_TIMEOUT_MS} ms`))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`public port ${port} closed without an answer`)))
    socket.on('data', (chunk: string) => {
      text += chunk
      if (!text.endsWith('\n')) return
      const line = text.trimEnd()
      text = ''
      if (banner === undefined) {
        if (line !== BANNER) return fail(`unexpected greeting ${JSON.stringify(line)}`)
        banner = line
      } else {
        if (line !== `ping ${times.length}`) return fail(`unexpected echo ${JSON.stringify(line)}`)
        times.push(performance.now() - sentAt)
      }
      if (times.length === ECHOES) {
        resolve({ banner, echoMs: median(times) })
        socket.destroy()
        return
      }
      sentAt = performance.now()
      socket.write(`ping ${times.length}\n`)
    })
  })
}

/** Rejects when the page is wrong, late or missing. */
export async function visitPage(port: number): Promise<PageVisit> {
  const visits: PageVisit[] = []
  while (visits.length < PAGE_VISITS) visits.push(await fetchPage(port))
  const [{ status, title } = { status: 0, title: '' }] = visits
  return { status, title, tookMs: median(visits.map(({ tookMs }) => tookMs)) }
}

function fetchPage(port: number): Promise<PageVisit> {
  const startedAt = performance.now()
  return new Promise((resolve, reject) => {
    const request = get({ port, host: '127.0.0.1', agent: false }, response => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('error', reject)
      response.on('end', () => {
        const title = /<title>(.*?)<\/title>/.exec(body)?.[1] ?? ''
        const status = response.statusCode ?? 0
        if (status !== 200 || title !== PAGE_TITLE) {
          reject(new Error(`public port ${port}: HTTP ${status}, title ${JSON.stringify(title)}`))
        } else {
          resolve({ status, title, tookMs: performance.now() - startedAt })
        }
      })
    })
    request.setTimeout(VISIT_TIMEOUT_MS, () => {
      request.destroy(new Error(`public port ${port}: no answer within ${VISIT_TIMEOUT_MS} ms`))
    })
    request.on('error', reject)
  })
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}
