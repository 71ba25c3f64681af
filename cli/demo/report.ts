// What the demonstration prints. Plain text wherever stdout is not a terminal.

import { styleText } from 'node:util'
import { type SessionInfo, TunnelError, VERSION } from '../../lib/index.ts'
import { describe, print } from '../output.ts'
import type { Published, StartedDemo, Visitor } from './demo.ts'
import type { EchoVisit, PageVisit } from './visits.ts'

export interface DemoResult {
  readonly started: StartedDemo
  readonly echo: EchoVisit
  readonly page: PageVisit
  readonly session: SessionInfo | undefined
}

type Style = 'bold' | 'dim' | 'green' | 'red' | 'cyan'

export function printResult({ started, echo, page, session }: DemoResult): void {
  const { serverPort, hasQuic, path, ssh, http } = started
  print(`${paint('bold', `quicfrp ${VERSION}`)}  a tunnel on this machine\n`)
  row('frps', `127.0.0.1:${serverPort}, ${hasQuic ? 'QUIC on UDP, ' : ''}TCP mode on TCP`)
  row('frpc', path)
  row('transport', transportText(session))
  print('')
  published('ssh', ssh, `"${echo.banner}", echo in ${ms(echo.echoMs)}`)
  published('http', http, `HTTP ${page.status} "${page.title}" in ${ms(page.tookMs)}`)
  print(`\n${paint('bold', 'Try it')}`)
  command(`nc 127.0.0.1 ${ssh.publicPort}`, 'type a line, it comes back')
  command(`curl http://127.0.0.1:${http.publicPort}/`, 'or open it in a browser')
  print(`\n${paint('bold', 'For real')}`)
  command('node dist/cli/frps.js', 'on the machine with the public address')
  command('node dist/cli/frpc.js -c frpc.ini', "next to the service; frpc.ini as in the README")
  print('')
}

export function printVisitor({ proxy, source }: Visitor): void {
  print(`  ${paint('cyan', proxy.padEnd(5))} a user from ${source}`)
}

export function printFailure(error: unknown): void {
  print(`${paint('red', 'The demonstration failed:')} ${describe(error)}`)
  print(`What to do: ${advice(error)}`)
}

function advice(error: unknown): string {
  const code = error instanceof TunnelError ? error.code : undefined
  switch (code) {
    case 'ADDRESS_IN_USE':
    case 'PORT_UNAVAILABLE':
    case 'PROXY_REFUSED':
      return 'run it again, it looks for other ports; another program took one in between.'
    case 'UNSUPPORTED':
      return 'this build is not complete: run npm ci, which compiles it, and try again.'
    case 'CONNECT_FAILED':
    case 'TIMED_OUT':
      return 'see that a firewall lets this machine talk to itself (127.0.0.1, UDP and TCP).'
    default:
      return 'run npm ci and try again; if it fails again, please report the line above.'
  }
}

function transportText(session: SessionInfo | undefined): string {
  if (!session) return paint('red', 'the session is gone')
  const { protocol, rttMs, datagramBytes } = session
  const facts = [paint('green', protocol)]
  // QUIC measures whole milliseconds here; the echo below is the exact figure.
  if (rttMs !== undefined) facts.push(`round trip ${rttMs < 1 ? 'under 1' : rttMs.toFixed(0)} ms`)
  if (datagramBytes !== undefined) facts.push(`datagrams up to ${datagramBytes} bytes`)
  if (protocol !== 'quic') facts.push('QUIC did not come up here')
  return facts.join(', ')
}

function row(name: string, text: string): void {
  print(`  ${paint('dim', name.padEnd(10))} ${text}`)
}

function published(name: string, { publicPort, localPort }: Published, result: string): void {
  const way = `127.0.0.1:${publicPort} -> 127.0.0.1:${localPort}`
  print(`  ${paint('cyan', name.padEnd(5))} ${way.padEnd(36)} ${paint('green', 'ok')}  ${result}`)
}

function command(text: string, meaning: string): void {
  print(`  ${text.padEnd(36)} ${paint('dim', meaning)}`)
}

/** Two digits where they mean something: `0.42 ms`, `12 ms`. */
function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`
}

function paint(style: Style, text: string): string {
  if (!process.stdout.isTTY || process.env['NO_COLOR']) return text
  return styleText(style, text)
}
