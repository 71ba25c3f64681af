// The lab of the nat bench while it is open: who stands where, what runs on which host, and what
// went from one machine straight to the other.

import { execFile } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openLab } from '../lab/index.ts'
import type { Lab, LinkOptions, NatOptions } from '../lab/index.ts'
import { Program } from '../process.ts'
import { LINE_DELAY_MS, neighboursOf, networkSpec, stepTo, STUN_IPS } from './places.ts'
import type { Conditions, Place, Side } from './places.ts'
import type { DownloadAnswer, DownloadQuestion, EchoAnswer, EchoQuestion } from './traffic.ts'

export type HostName = 'server' | 'stun' | Side

const START_LIMIT_MS = 20_000
/** Beyond what a question takes by itself. */
const ANSWER_GRACE_MS = 20_000
/** A download's rows are some 20 bytes each, one a millisecond. */
const ANSWER_BYTES = 64 * 1024 * 1024

/** IP bytes since the lab was opened. */
export interface Crossing {
  /** From the visitor to the owner and back, past the server. */
  readonly directBytes: readonly [number, number]
  readonly directPackets: readonly [number, number]
  /** Into the server and out of it. */
  readonly serverBytes: readonly [number, number]
}

export interface AskSignals {
  /** Ends the user; the answer is lost. */
  readonly signal: AbortSignal
  readonly stop?: AbortSignal
}

export class World {
  readonly lab: Lab
  /** Of the service, on the owner's host. */
  readonly servicePort: number
  readonly #programs: readonly Program[]
  #place: Place = { type: 'apart', visitor: 'public', owner: 'public' }
  #isCut = false

  private constructor(lab: Lab, programs: readonly Program[], servicePort: number) {
    this.lab = lab
    this.#programs = programs
    this.servicePort = servicePort
  }

  /** Rejects where the machine can have no lab. */
  static async open(): Promise<World> {
    const lab = await openLab(networkSpec(), { together: { 'stun-other': 'stun' } })
    const programs: Program[] = []
    try {
      const stun = start(lab, 'stun', 'STUN server', [node(), script('stun-server'), ...STUN_IPS])
      programs.push(stun)
      const service = start(lab, 'owner', 'service', [node(), script('service')])
      programs.push(service)
      await stun.printed(['ready'], START_LIMIT_MS)
      await service.printed(['port '], START_LIMIT_MS)
      return new World(lab, programs, Number(service.lines[0]?.replace('port ', '')))
    } catch (error) {
      await Promise.all(programs.map(program => program.stop()))
      await lab.close()
      throw error
    }
  }

  /** Puts both machines there; every NAT has forgotten what it knew. */
  async stand(place: Place, conditions: Conditions = {}): Promise<void> {
    const { nats, hosts, isCut } = stepTo(place, conditions)
    if (this.#isCut) await this.cut(false)
    for (const { box, options } of nats) await this.lab.setNat(box, options)
    for (const { name, ...to } of hosts) await this.lab.moveHost(name, to)
    await this.setLines(conditions.line ?? {})
    this.#place = place
    if (isCut) await this.cut(true)
  }

  /** Both lines, both directions; the delay stays unless it is given. */
  async setLines(options: LinkOptions): Promise<void> {
    const both = { delayMs: LINE_DELAY_MS, ...options }
    for (const line of ['line-v', 'line-o']) await this.lab.setLink(line, { up: both, down: both })
  }

  /** Ends or restores the direct way; both still reach the server. */
  async cut(isCut: boolean): Promise<void> {
    const [one, other] = neighboursOf(this.#place)
    await this.lab.setCut(one, other, isCut)
    this.#isCut = isCut
  }

  async crossing(): Promise<Crossing> {
    const { links, ways } = (await this.lab.stats()).network
    const [one, other] = neighboursOf(this.#place)
    const [there, back] = [ways[`${one}>${other}`], ways[`${other}>${one}`]]
    const server = links['server']
    return {
      directBytes: [there?.bytes ?? 0, back?.bytes ?? 0],
      directPackets: [there?.packets ?? 0, back?.packets ?? 0],
      serverBytes: [server?.down.bytes ?? 0, server?.up.bytes ?? 0],
    }
  }

  setNat(box: string, options: NatOptions): Promise<void> {
    return this.lab.setNat(box, options)
  }

  /** Starts a program on a host; the caller ends it. */
  start(host: HostName, title: string, argv: readonly string[]): Program {
    return start(this.lab, host, title, argv)
  }

  /** A user on the visitor's host; `stop` ends what he does, and he still answers. */
  ask(question: EchoQuestion, signals: AskSignals): Promise<EchoAnswer>
  ask(question: DownloadQuestion, signals: AskSignals): Promise<DownloadAnswer>
  async ask(
    question: EchoQuestion | DownloadQuestion,
    { signal, stop }: AskSignals,
  ): Promise<EchoAnswer | DownloadAnswer> {
    const argv = [node(), '--single-threaded', script('user'), JSON.stringify(question)]
    const [command, args] = this.lab.command('visitor', argv)
    const options = {
      maxBuffer: ANSWER_BYTES,
      timeout: question.limitMs + ANSWER_GRACE_MS,
      killSignal: 'SIGKILL' as const,
      signal,
    }
    const text = await new Promise<string>((resolve, reject) => {
      const child = execFile(command, args, options, (error, stdout, stderr) => {
        stop?.removeEventListener('abort', handleStop)
        if (error === null) resolve(stdout)
        else reject(new Error(`the user failed: ${stderr.trim() || error.message}`))
      })
      const handleStop = (): void => void child.stdin?.end()
      stop?.addEventListener('abort', handleStop)
    })
    // The user is ours: it answers the question that it was asked.
    return JSON.parse(text) as EchoAnswer | DownloadAnswer
  }

  async close(): Promise<void> {
    await Promise.all(this.#programs.map(program => program.stop()))
    await this.lab.close()
  }
}

function start(lab: Lab, host: HostName, title: string, argv: readonly string[]): Program {
  const [command, args] = lab.command(host, argv)
  return new Program({ title, command, args })
}

function node(): string {
  return process.execPath
}

/** Compiled, a program's file ends as this one does. */
function script(name: string): string {
  return fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url))
}
