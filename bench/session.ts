// One session: every scenario, its runs alternating between the peers (A B C A B C ...), so that
// noise of the machine hits all of them. A failing run is reported and does not end the session.

import { Loader } from './load/loader.ts'
import type { Peer, Tunnel } from './peers/peer.ts'
import { Results } from './results.ts'
import type { Scenario, Values } from './scenarios/scenario.ts'

/** A peer that fails this often in one scenario is not asked again in it. */
const FAILURES_BEFORE_SKIPPING = 2

export interface SessionOptions {
  readonly peers: readonly Peer[]
  readonly scenarios: readonly Scenario[]
  readonly rounds: number
  readonly measureMs: number
  readonly warmUpMs: number
  /** Ends the session; what was measured stays. */
  readonly signal: AbortSignal
  readonly progress: (text: string) => void
}

export interface Failure {
  readonly scenario: string
  readonly peer: string
  readonly message: string
}

export interface Session {
  readonly results: Results
  readonly failures: readonly Failure[]
}

export async function runSession(options: SessionOptions): Promise<Session> {
  const results = new Results()
  const failures: Failure[] = []
  for (const scenario of options.scenarios) {
    const peers = options.peers.filter(peer => scenario.includes(peer.name))
    const runs = options.rounds * scenario.runsPerRound
    for (let run = 1; run <= runs; run++) {
      for (const peer of peers) {
        if (options.signal.aborted) return { results, failures }
        const earlier = failures.filter(({ scenario: name, peer: other }) => {
          return name === scenario.name && other === peer.name
        })
        if (earlier.length >= FAILURES_BEFORE_SKIPPING) continue
        options.progress(`${scenario.name} ${run}/${runs} ${peer.name}`)
        try {
          results.add(peer.name, await runOnce(scenario, peer, options))
        } catch (error) {
          if (options.signal.aborted) return { results, failures }
          const message = error instanceof Error ? error.message : String(error)
          failures.push({ scenario: scenario.name, peer: peer.name, message })
        }
      }
    }
  }
  return { results, failures }
}

async function runOnce(scenario: Scenario, peer: Peer, options: SessionOptions): Promise<Values> {
  const { measureMs, warmUpMs, signal } = options
  const load = await Loader.start()
  let tunnel: Tunnel | undefined
  try {
    tunnel = await peer.open(load.ports)
    return await orAborted(signal, scenario.run({ load, tunnel, measureMs, warmUpMs }))
  } catch (error) {
    // A program that crashed is the cause of whatever the load saw.
    tunnel?.programs?.server.check()
    tunnel?.programs?.client.check()
    throw error
  } finally {
    load.close()
    await tunnel?.close()
  }
}

/** Leaves `work` to fail by itself when its load process is killed. */
async function orAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let abort: (() => void) | undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(new Error('interrupted'))
    signal.addEventListener('abort', abort)
  })
  work.catch(() => {}) // it is raced below; after an abort nobody else waits for it
  try {
    signal.throwIfAborted()
    return await Promise.race([work, aborted])
  } finally {
    if (abort !== undefined) signal.removeEventListener('abort', abort)
  }
}
