// What the bench asks of a load process, and what it answers. Both ends are of one build, so that
// the messages are trusted; they travel over Node's IPC in its structured-clone form.

export type Direction = 'down' | 'up'

/** The services behind the tunnel, by the ports where they (or their public doors) listen. */
export interface ServicePorts {
  /** Sends as fast as it can and reads nothing. */
  readonly source: number
  /** Reads as fast as it can; tells what came so far (progress.ts) and sends nothing else. */
  readonly sink: number
  /** Sends back what it gets. */
  readonly echo: number
  /** UDP: sends each datagram back. Absent at doors of a tunnel that carries no datagrams. */
  readonly datagrams?: number
}

/** Those that are a TCP port everywhere. */
export const SERVICE_NAMES: readonly ('source' | 'sink' | 'echo')[] = ['source', 'sink', 'echo']

/** A service as its user reaches it. */
export interface Door {
  readonly host: string
  readonly port: number
}

/** Milliseconds since 1970 with fractions, from the monotonic clock: comparable among processes. */
export type EpochMs = number

export interface BulkRequest extends Door {
  readonly type: 'bulk'
  /** `down`: the user receives from the source. `up`: the user sends to the sink. */
  readonly direction: Direction
  readonly warmUpMs: number
  readonly measureMs: number
  /** Processes whose CPU time over the measured window is wanted. */
  readonly pids: readonly number[]
  /** An end of the connection is an answer, not a failure. */
  readonly mayBreak?: boolean
}

export interface BulkResult {
  /** Delivered to the receiver within `elapsedMs`. */
  readonly bytes: number
  readonly elapsedMs: number
  /** CPU seconds of all `pids` together, and of the load process itself. */
  readonly cpuSeconds: number
  readonly loadCpuSeconds: number
  /** When the connection was asked for. */
  readonly startedAt: EpochMs
  /** What the receiver had at which moment, every 20 ms from the first byte on. */
  readonly progress: Progress
  readonly brokenAt?: EpochMs
}

/** Two columns of one table, both growing. */
export interface Progress {
  readonly at: Float64Array
  readonly bytes: Float64Array
}

export interface EchoRequest extends Door {
  readonly type: 'echo'
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

/** Small messages at a fixed pace, sent whether or not the last one came back. */
export interface KeystrokeRequest extends Door {
  readonly type: 'keystroke'
  readonly payloadBytes: number
  readonly intervalMs: number
  /** From the first message on; what is sent in it is no sample. */
  readonly warmUpMs: number
  readonly measureMs: number
  /** How long an answer is waited for after the last message. */
  readonly drainMs: number
  readonly mayBreak?: boolean
  /**
   * When the first message of the row is sent. The connection is opened at once and used for one
   * message; then it stays idle until that moment. Without it the row begins at once.
   */
  readonly startAt?: EpochMs
}

/** The same over UDP, where an answer may be lost, late or twice. */
export interface GameRequest extends Omit<KeystrokeRequest, 'type' | 'mayBreak' | 'startAt'> {
  readonly type: 'game'
}

export interface PulseResult {
  /** Round trips in the order they were sent; Infinity for an answer that never came. */
  readonly samplesMs: Float64Array
  /** When each was sent. */
  readonly sentAt: Float64Array
  /** Answers that came after the answer to a later message (over TCP always 0). */
  readonly reordered: number
  readonly brokenAt?: EpochMs
}

/** Datagrams of one user, of which so many are always under way. Outside the lab only. */
export interface VolleyRequest extends Door {
  readonly type: 'volley'
  readonly outstanding: number
  /** 8 to 2,048. */
  readonly payloadBytes: number
  readonly warmUpMs: number
  readonly measureMs: number
  /** Processes whose CPU time over the measured window is wanted. */
  readonly pids: readonly number[]
}

export interface VolleyResult {
  readonly answered: number
  readonly lost: number
  readonly elapsedMs: number
  /** Of all `pids` together. */
  readonly cpuSeconds: number
}

/** Players with an address each, who all send at one pace. Outside the lab only. */
export interface CrowdRequest extends Door {
  readonly type: 'crowd'
  readonly players: number
  readonly perSecond: number
  /** They come one after the other. */
  readonly joinsPerSecond: number
  /** 8 to 2,048. */
  readonly payloadBytes: number
  /** After the last one has come. */
  readonly warmUpMs: number
  readonly measureMs: number
  readonly drainMs: number
  readonly pids: readonly number[]
}

export interface CrowdResult {
  readonly sent: number
  readonly answered: number
  /** Of those that are missing: what the load itself did not read in time. */
  readonly droppedByLoad: number
  /** Round trips of some of those that were answered. */
  readonly samplesMs: Float64Array
  readonly cpuSeconds: number
}

/** Single datagrams of several sizes to the UDP echo. */
export interface SizesRequest extends Door {
  readonly type: 'sizes'
  readonly sizes: readonly number[]
  /** Of each size. */
  readonly count: number
  /** Longest wait for each answer. */
  readonly waitMs: number
}

export interface SizesResult {
  /** For each size: how many came back with every byte. */
  readonly whole: readonly number[]
}

export interface ConnectRequest extends Door {
  readonly type: 'connect'
  readonly parallel: number
  readonly warmUpMs: number
  readonly measureMs: number
}

export interface ConnectResult {
  /** Connections that were opened, answered and closed in the window of `elapsedMs`. */
  readonly completed: number
  readonly elapsedMs: number
}

/** Waves of new connections to the echo service, each asked for one byte. */
export interface FirstByteRequest extends Door {
  readonly type: 'firstByte'
  readonly parallel: number
  readonly waves: number
  /** From the end of one wave to the next. */
  readonly pauseMs: number
}

export interface FirstByteResult {
  /** From the request (the connection to the door is there) to the first byte of the answer. */
  readonly answerMs: Float64Array
  /** The same, from the moment when the connection was asked for. */
  readonly totalMs: Float64Array
}

/** Opens `count` connections to the echo service, proves each with one byte, and keeps them. */
export interface HoldRequest extends Door {
  readonly type: 'hold'
  readonly count: number
}

/** Connects to the source, reads the first bytes, then reads no more. */
export interface StallRequest extends Door {
  readonly type: 'stall'
}

/** Closes what `hold` and `stall` opened. */
export interface ReleaseRequest {
  readonly type: 'release'
}

/** To the services: what the source sends at most on a connection that it accepts from now on. */
export interface LimitSourceRequest {
  readonly type: 'limitSource'
  readonly bytes: number
}

/** To the services: how many bytes the source gave away on the connection that it accepted last. */
export interface SourceBytesRequest {
  readonly type: 'sourceBytes'
}

export type LoadRequest =
  | BulkRequest
  | EchoRequest
  | KeystrokeRequest
  | GameRequest
  | VolleyRequest
  | CrowdRequest
  | SizesRequest
  | ConnectRequest
  | FirstByteRequest
  | HoldRequest
  | StallRequest
  | ReleaseRequest
  | LimitSourceRequest
  | SourceBytesRequest

export interface LoadResults {
  readonly bulk: BulkResult
  readonly echo: EchoResult
  readonly keystroke: PulseResult
  readonly game: PulseResult
  readonly volley: VolleyResult
  readonly crowd: CrowdResult
  readonly sizes: SizesResult
  readonly connect: ConnectResult
  readonly firstByte: FirstByteResult
  readonly hold: undefined
  readonly stall: undefined
  readonly release: undefined
  readonly limitSource: undefined
  readonly sourceBytes: number
}

/**
 * The processes of one host: `bulk` has the source, the sink and their users; `pulse` the echoes and
 * all that measures time, so that neither a transfer nor its garbage delays a time stamp.
 */
export type LoadPart = 'bulk' | 'pulse'

export const LOAD_PARTS: readonly LoadPart[] = ['bulk', 'pulse']

/** Which process does what. */
export const PART_OF: { readonly [Type in LoadRequest['type']]: LoadPart } = {
  bulk: 'bulk',
  echo: 'pulse',
  keystroke: 'pulse',
  game: 'pulse',
  volley: 'pulse',
  crowd: 'pulse',
  sizes: 'pulse',
  connect: 'pulse',
  firstByte: 'pulse',
  hold: 'bulk',
  stall: 'bulk',
  release: 'bulk',
  limitSource: 'bulk',
  sourceBytes: 'bulk',
}

export interface LoadCall {
  readonly id: number
  readonly request: LoadRequest
}

export type LoadReply =
  | { readonly type: 'ready'; readonly ports: Partial<ServicePorts> }
  | { readonly type: 'result'; readonly id: number; readonly value: LoadResults[keyof LoadResults] }
  | { readonly type: 'failed'; readonly id: number; readonly message: string }
