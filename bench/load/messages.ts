// What the bench asks of the load process, and what it answers. Both ends are of one build, so that
// the messages are trusted; they travel over Node's IPC in its structured-clone form.

export type Direction = 'down' | 'up'

/**
 * The services behind the tunnel, by the ports on 127.0.0.1 where they (or their public doors)
 * listen.
 */
export interface ServicePorts {
  /** Sends as fast as it can and reads nothing. */
  readonly source: number
  /** Reads as fast as it can and sends nothing. */
  readonly sink: number
  /** Sends back what it gets. */
  readonly echo: number
}

export const SERVICE_NAMES: readonly (keyof ServicePorts)[] = ['source', 'sink', 'echo']

export interface BulkRequest {
  readonly type: 'bulk'
  /** `down`: the user receives from the source. `up`: the user sends to the sink. */
  readonly direction: Direction
  readonly port: number
  readonly warmUpMs: number
  readonly measureMs: number
  /** Processes whose CPU time over the measured window is wanted. */
  readonly pids: readonly number[]
}

export interface BulkResult {
  /** Delivered to the receiver within `elapsedMs`. */
  readonly bytes: number
  readonly elapsedMs: number
  /** CPU seconds of all `pids` together, and of the load process itself. */
  readonly cpuSeconds: number
  readonly loadCpuSeconds: number
}

export interface EchoRequest {
  readonly type: 'echo'
  readonly port: number
  readonly payloadBytes: number
  /** Round trips before the first that counts. */
  readonly warmUp: number
  readonly samples: number
  /** Ends the run early, with the samples so far. */
  readonly limitMs: number
}

export interface EchoResult {
  readonly samplesUs: Float64Array
}

export interface ConnectRequest {
  readonly type: 'connect'
  readonly port: number
  readonly parallel: number
  readonly warmUpMs: number
  readonly measureMs: number
}

export interface ConnectResult {
  /** Connections that were opened, answered and closed in the window of `elapsedMs`. */
  readonly completed: number
  readonly elapsedMs: number
}

/** Opens `count` connections to the echo service, proves each with one byte, and keeps them. */
export interface HoldRequest {
  readonly type: 'hold'
  readonly port: number
  readonly count: number
}

/**
 * Connects to the source, reads the first bytes, then reads no more; `waitingBytes` are there to be
 * sent.
 */
export interface StallRequest {
  readonly type: 'stall'
  readonly port: number
  readonly waitingBytes: number
}

/** Closes what `hold` and `stall` opened. */
export interface ReleaseRequest {
  readonly type: 'release'
}

/** How many bytes the source gave away on the stalled connection so far. */
export interface StalledBytesRequest {
  readonly type: 'stalledBytes'
}

export type LoadRequest =
  | BulkRequest
  | EchoRequest
  | ConnectRequest
  | HoldRequest
  | StallRequest
  | StalledBytesRequest
  | ReleaseRequest

export interface LoadResults {
  readonly bulk: BulkResult
  readonly echo: EchoResult
  readonly connect: ConnectResult
  readonly hold: undefined
  readonly stall: undefined
  readonly stalledBytes: number
  readonly release: undefined
}

export interface LoadCall {
  readonly id: number
  readonly request: LoadRequest
}

export type LoadReply =
  | { readonly type: 'ready'; readonly ports: ServicePorts }
  | { readonly type: 'result'; readonly id: number; readonly value: LoadResults[keyof LoadResults] }
  | { readonly type: 'failed'; readonly id: number; readonly message: string }
