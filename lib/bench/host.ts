// The server's half of the bench proxy: answers NewBench, serves the streams of running benches,
// ends those whose time is up. A shell: what is allowed is decided in quota.ts.
//
// A bench lives as long as the stream of its NewBench, so that a client that is gone leaves nothing.

import type { Duplex } from 'node:stream'
import { formatAddress } from '../address.ts'
import type { Clock } from '../clock.ts'
import { Alarm } from '../control/alarm.ts'
import { acceptFlowLink } from '../datagram/index.ts'
import { errorDetail } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Session } from '../transport/transport.ts'
import type { MessageChannel } from '../wire/channel.ts'
import type { NewBench, StartBench } from '../wire/messages.ts'
import { BenchQuota } from './quota.ts'
import { serveDatagrams, serveEcho, serveSink, serveSource } from './services.ts'

export interface BenchHostOptions {
  readonly clock: Clock
  readonly log: Logger
}

interface Running {
  readonly channel: MessageChannel
  readonly streams: Set<Duplex>
}

export class BenchHost {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #quota = new BenchQuota<Session>()
  readonly #running = new Map<Session, Running>()
  readonly #alarm: Alarm

  constructor({ clock, log }: BenchHostOptions) {
    this.#clock = clock
    this.#log = log
    this.#alarm = new Alarm(clock, () => this.#drain())
  }

  /** A client that is logged in wants a bench; `channel` has read NewBench and nothing else. */
  handleNew(session: Session, channel: MessageChannel, { seconds }: NewBench): void {
    const granted = this.#quota.open(session, seconds, this.#clock.now())
    if (typeof granted === 'string') {
      refuseBench(channel, granted)
      return
    }
    this.#running.set(session, { channel, streams: new Set() })
    const from = formatAddress(session.remoteAddress)
    this.#log.info(`[${from}] begins a bench, for ${granted.seconds} s at most`)
    channel.send({ type: 'NewBenchResp', ...granted })
    void channel.closed.then(({ detail }) => this.#end(session, detail))
    // Nothing more is to come on it; reading shows its end.
    channel.onMessage(() => channel.destroy())
    this.#drain()
  }

  /** `stream` is at its first byte after StartBench, and ours from here on. */
  handleStart(session: Session, stream: Duplex, { service }: StartBench): void {
    // Its end is told by 'close'.
    stream.on('error', ignore)
    // It was over before it came, and emits nothing any more.
    if (stream.closed) return
    const running = this.#running.get(session)
    const refusal = this.#quota.openStream(session)
    if (refusal !== undefined || running === undefined) {
      this.#log.debug(`a stream of a bench is refused: ${refusal}`)
      stream.destroy()
      return
    }
    running.streams.add(stream)
    stream.once('close', () => {
      running.streams.delete(stream)
      this.#quota.closeStream(session)
    })
    switch (service) {
      case 'source':
        serveSource(stream)
        break
      case 'sink':
        serveSink(stream, this.#clock)
        break
      case 'echo':
        serveEcho(stream)
        break
      case 'datagrams':
        acceptFlowLink({ stream, session, clock: this.#clock }).then(serveDatagrams, error => {
          this.#log.debug(`the datagrams of a bench do not begin: ${errorDetail(error)}`)
        })
        break
      default:
        // Of a later version of ours.
        stream.destroy()
    }
  }

  #end(session: Session, reason: string): void {
    const running = this.#running.get(session)
    if (running === undefined) return
    this.#running.delete(session)
    for (const stream of [...running.streams]) stream.destroy()
    this.#quota.close(session)
    this.#drain()
    this.#log.info(`[${formatAddress(session.remoteAddress)}] ends its bench: ${reason}`)
  }

  #drain(): void {
    for (;;) {
      const output = this.#quota.poll(this.#clock.now())
      if (output === undefined) break
      const running = this.#running.get(output.owner)
      this.#end(output.owner, 'its time is up')
      running?.channel.close('the time of the bench is up')
    }
    this.#alarm.set(this.#quota.deadline())
  }
}

/** Answers NewBench with the reason and ends its stream. */
export function refuseBench(channel: MessageChannel, error: string): void {
  channel.send({ type: 'NewBenchResp', error })
  channel.close('no bench')
}

function ignore(): void {}
