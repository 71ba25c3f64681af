// The messages of frp's hole punching at a client: a question on the control stream, and the answer
// that has its transaction id (frp-wire.md section 7.1).

import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { TunnelError } from '../errors.ts'
import type {
  Draft,
  NatHoleClient,
  NatHoleReport,
  NatHoleResp,
  NatHoleVisitor,
} from '../wire/messages.ts'

export type HoleQuestion =
  | Omit<Draft<NatHoleVisitor>, 'transaction_id'>
  | Omit<Draft<NatHoleClient>, 'transaction_id'>

/** The control stream of the moment, as hole punching sees it. */
export interface HoleSignalling {
  /**
   * Asks frps and resolves with its answer. Rejects with PROXY_REFUSED (its words), TIMED_OUT,
   * ABORTED or SESSION_CLOSED.
   */
  ask(
    question: HoleQuestion,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<NatHoleResp>
  /** Not answered: a report, or why there are no addresses. Dropped when the session is over. */
  send(message: Draft<NatHoleReport> | Draft<NatHoleClient>): void
}

interface Waiter {
  resolve(answer: NatHoleResp): void
  reject(error: TunnelError): void
}

/** What a peer may say in an error that we log. */
const MAX_REASON = 512

/** Of one session. */
export class HoleRequests implements HoleSignalling {
  readonly #clock: Clock
  readonly #send: (message: Draft<NatHoleVisitor | NatHoleClient | NatHoleReport>) => void
  readonly #waiting = new Map<string, Waiter>()
  #isOver = false

  constructor({
    clock,
    send,
  }: {
    readonly clock: Clock
    readonly send: (message: Draft<NatHoleVisitor | NatHoleClient | NatHoleReport>) => void
  }) {
    this.#clock = clock
    this.#send = send
  }

  ask(
    question: HoleQuestion,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<NatHoleResp> {
    return new Promise((resolve, reject) => {
      const id = newTransactionId()
      const finish = (): void => {
        cancel()
        this.#waiting.delete(id)
        signal.removeEventListener('abort', onAbort)
      }
      const fail = (error: TunnelError): void => {
        finish()
        reject(error)
      }
      const onAbort = (): void => fail(new TunnelError('ABORTED', 'hole punching was given up'))
      const cancel = this.#clock.after(timeoutMs, () =>
        fail(new TunnelError('TIMED_OUT', `frps has not answered ${question.type}`)),
      )
      this.#waiting.set(id, {
        resolve: answer => {
          finish()
          resolve(answer)
        },
        reject: fail,
      })
      signal.addEventListener('abort', onAbort)
      if (signal.aborted) onAbort()
      else if (this.#isOver) fail(sessionOver())
      else this.#send({ ...question, transaction_id: id })
    })
  }

  send(message: Draft<NatHoleReport> | Draft<NatHoleClient>): void {
    if (!this.#isOver) this.#send(message)
  }

  handleAnswer(answer: NatHoleResp): void {
    const waiter = this.#waiting.get(answer.transaction_id)
    if (answer.error === '') waiter?.resolve(answer)
    else waiter?.reject(new TunnelError('PROXY_REFUSED', printable(answer.error)))
  }

  /** The session is over. */
  close(): void {
    this.#isOver = true
    for (const { reject } of [...this.#waiting.values()]) reject(sessionOver())
  }
}

/** As frp makes them; any unique text works. */
export function newTransactionId(): string {
  return `${Math.floor(Date.now() / 1_000)}${randomBytes(8).toString('hex')}`
}

function sessionOver(): TunnelError {
  return new TunnelError('SESSION_CLOSED', 'there is no session with the server')
}

function printable(text: string): string {
  return text.slice(0, MAX_REASON).replace(/[\p{Cc}\p{Cf}]/gu, ' ')
}
