// Where the work streams of one client come from: opened by us (a client of ours over a multiplexed
// session), or from the pool that a real frp client keeps filled.

import type { Clock } from '../clock.ts'
import { Alarm } from '../control/alarm.ts'
import { TunnelError } from '../errors.ts'
import type { Session, Stream } from '../transport/transport.ts'
import { type DenyReason, WorkPool, type WorkPoolConfig } from './work-pool.ts'

export interface WorkStreams {
  /**
   * Rejects with TIMED_OUT, LIMIT_EXCEEDED, SESSION_CLOSED or ABORTED. The taker destroys the
   * stream.
   */
  open(options: { readonly signal: AbortSignal }): Promise<Stream>
  /**
   * The client offers a stream (NewWorkConn). `refuse` is called when it is not wanted. Owned from
   * here otherwise.
   */
  offer(stream: Stream, refuse: (reason: string) => void): void
  close(): void
}

/** Streams that the server opens itself: no request, no waiting, no pool. */
export class OpenedStreams implements WorkStreams {
  readonly #session: Session
  readonly #timeoutMs: number
  readonly #clock: Clock

  constructor(session: Session, { timeoutMs, clock }: { timeoutMs: number; clock: Clock }) {
    this.#session = session
    this.#timeoutMs = timeoutMs
    this.#clock = clock
  }

  open({ signal }: { readonly signal: AbortSignal }): Promise<Stream> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => fail(userLeft())
      const cancel = this.#clock.after(this.#timeoutMs, () => fail(timedOut()))
      let isOver = false
      const finish = (): void => {
        isOver = true
        cancel()
        signal.removeEventListener('abort', onAbort)
      }
      const fail = (error: unknown): void => {
        finish()
        reject(error)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#session.openStream().then(stream => {
        if (isOver) {
          stream.destroy()
          return
        }
        finish()
        resolve(stream)
      }, fail)
    })
  }

  offer(_stream: Stream, refuse: (reason: string) => void): void {
    refuse(POOL_FULL)
  }

  close(): void {}
}

interface Idle {
  readonly stream: Stream
  readonly refuse: (reason: string) => void
  readonly onClose: () => void
}

interface Waiter {
  resolve(stream: Stream): void
  reject(error: TunnelError): void
}

/** Drives a WorkPool. */
export class PooledStreams implements WorkStreams {
  readonly #pool: WorkPool<Idle>
  readonly #poolCount: number
  readonly #clock: Clock
  readonly #request: () => void
  readonly #alarm: Alarm
  readonly #waiters = new Map<number, Waiter>()

  /** `request` sends one ReqWorkConn; it is called `poolCount` times at once. */
  constructor(config: WorkPoolConfig, { clock, request }: { clock: Clock; request: () => void }) {
    this.#pool = new WorkPool(config)
    this.#poolCount = config.poolCount
    this.#clock = clock
    this.#request = request
    this.#alarm = new Alarm(clock, () => this.#drain())
    this.#drain()
  }

  async open({ signal }: { readonly signal: AbortSignal }): Promise<Stream> {
    // A stream whose end nobody noticed yet is of no use; frp tries as often (frp-wire.md section
    // 5.1).
    for (let tries = 0; tries <= this.#poolCount; tries++) {
      const stream = await this.#take(signal)
      if (stream.writable) return stream
      stream.destroy()
    }
    throw new TunnelError('SESSION_CLOSED', 'every work connection in the pool was closed')
  }

  offer(stream: Stream, refuse: (reason: string) => void): void {
    const idle: Idle = { stream, refuse, onClose: () => this.#handleGone(idle) }
    // A pooled stream that fails is removed by its 'close'.
    stream.on('error', ignore)
    stream.on('close', idle.onClose)
    this.#pool.handleStream(idle)
    this.#drain()
  }

  close(): void {
    this.#pool.close()
    this.#drain()
  }

  #take(signal: AbortSignal): Promise<Stream> {
    if (signal.aborted) return Promise.reject(userLeft())
    return new Promise((resolve, reject) => {
      const ticket = this.#pool.take(this.#clock.now())
      const onAbort = (): void => {
        this.#waiters.delete(ticket)
        this.#pool.cancel(ticket)
        this.#drain()
        reject(userLeft())
      }
      signal.addEventListener('abort', onAbort, { once: true })
      const done = (): void => signal.removeEventListener('abort', onAbort)
      this.#waiters.set(ticket, {
        resolve: stream => {
          done()
          resolve(stream)
        },
        reject: error => {
          done()
          reject(error)
        },
      })
      this.#drain()
    })
  }

  #handleGone(idle: Idle): void {
    this.#pool.handleStreamGone(idle)
    this.#drain()
  }

  #drain(): void {
    for (;;) {
      const output = this.#pool.poll(this.#clock.now())
      if (output === undefined) break
      switch (output.type) {
        case 'request':
          this.#request()
          break
        case 'grant':
          this.#release(output.stream)
          this.#settle(output.ticket)?.resolve(output.stream.stream)
          break
        case 'deny':
          this.#settle(output.ticket)?.reject(denied(output.reason))
          break
        case 'refuse':
          this.#release(output.stream)
          if (output.reason === 'full') output.stream.refuse(POOL_FULL)
          // The client has left or was told: as in frp, its idle streams just end.
          else output.stream.stream.destroy()
          break
        default:
          output satisfies never
      }
    }
    this.#alarm.set(this.#pool.deadline())
  }

  #settle(ticket: number): Waiter | undefined {
    const waiter = this.#waiters.get(ticket)
    this.#waiters.delete(ticket)
    return waiter
  }

  /** The error listener stays: whoever gets the stream adds his own, perhaps a moment later. */
  #release({ stream, onClose }: Idle): void {
    stream.off('close', onClose)
  }
}

const POOL_FULL = 'work connection pool is full, discarding'

function denied(reason: DenyReason): TunnelError {
  switch (reason) {
    case 'timeout':
      return timedOut()
    case 'crowded':
      return new TunnelError('LIMIT_EXCEEDED', 'too many users wait for a work connection')
    case 'closed':
      return new TunnelError('SESSION_CLOSED', 'control is already closed')
  }
}

function timedOut(): TunnelError {
  return new TunnelError('TIMED_OUT', 'timeout trying to get work connection')
}

function userLeft(): TunnelError {
  return new TunnelError('ABORTED', 'the user left')
}

function ignore(): void {}
