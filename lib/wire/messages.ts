// All messages of wire v1, with frp's field names so that they can be compared with frp line by
// line. They end at the machine that reads them. Format: frp-wire.md section 2.3 and 2.4; bytes and
// validation are in codec.ts.

/** What a peer of ours adds to Login and LoginResp. A real peer ignores it and never sends it. */
export interface Extension {
  /** Version of quicfrp. Informative. */
  readonly version: string
  /**
   * What this side can do: `server-streams`, `half-close`, ... A feature is used when both sides
   * name it.
   */
  readonly features: readonly string[]
}

/** What a server of ours adds to LoginResp. */
export interface ServerExtension extends Extension {
  /** UDP ports on which it answers STUN at the address of the session; 0: none. */
  readonly stun_port: number
  readonly stun_second_port: number
  /** Another address of it, with the port there; empty: none. */
  readonly stun_other_ip: string
  readonly stun_other_port: number
}

export type StringMap = Readonly<Record<string, string>>

/** What the owner of a proxy adds towards a server of ours. */
export interface ProxyExtension {
  /**
   * Of a secret proxy: its X25519 public key of the moment, base64; ProxyKey brings the next one.
   * With it `sk` stays empty: the server never learns the secret, and key proofs are checked by the
   * owner.
   */
  readonly prekey: string
  /** A StreamPriority for what the server writes; empty = auto. */
  readonly priority: string
}

/** What a visitor adds towards a server of ours: an offer to speak end to end. */
export interface VisitorOffer {
  /** X25519 public key made for this connection, base64. */
  readonly ephemeral: string
  /** The prekey that `proof` was made with; both empty on the first connection. */
  readonly prekey: string
  readonly proof: string
}

/** What a visitor says of his connection, beside the offer. */
export interface VisitorWishes extends VisitorOffer {
  /** A StreamPriority for what the server writes to him; empty = auto. */
  readonly priority: string
  /**
   * The stream is of use with `prekey` alone: what follows the message is sealed with its keys. If
   * the owner has another one by now, the answer says so and ends the stream.
   */
  readonly early: boolean
}

/** The answer of a server of ours to an offer. */
export interface VisitorAnswer {
  /** The owner's: everything from here on is end to end. Empty when the owner is a real frp. */
  readonly prekey: string
  /** With a real owner: sign_key is to be made with this timestamp, so that none is used twice. */
  readonly challenge: number
  /** Whether the owner wants the bytes compressed. */
  readonly use_compression: boolean
  /**
   * IP address at which the server sees the owner: a peer that guesses ports does so there and
   * nowhere else. Empty where it does not say.
   */
  readonly observed?: string
}

/** What a server of ours tells the owner about a visitor whose proof it cannot check itself. */
export interface VisitorIntroduction extends VisitorOffer {
  /** Of a real visitor, with `ephemeral` empty: as in NewVisitorConn. */
  readonly sign_key: string
  readonly timestamp: number
  readonly use_encryption: boolean
  readonly use_compression: boolean
}

/** What a server of ours tells the owner of a prekey about a real visitor of an xtcp proxy. */
export interface HoleExtension {
  /** As in NatHoleVisitor: for the owner to check, who alone knows the secret. */
  readonly sign_key: string
  readonly timestamp: number
  readonly protocol: string
}

/** Only frp's in-process SSH gateway client fills this in. */
export interface ClientSpec {
  readonly type: string
  readonly always_auth_pass: boolean
}

/** First on a stream; makes it the control stream. */
export interface Login {
  readonly type: 'Login'
  readonly version: string
  readonly hostname: string
  readonly os: string
  readonly arch: string
  readonly user: string
  readonly privilege_key: string
  /** Unix seconds; part of the key. */
  readonly timestamp: number
  /** Empty on the first login, then what the server gave. */
  readonly run_id: string
  readonly client_id: string
  readonly metas: StringMap
  readonly client_spec: ClientSpec
  /** Wanted size of the pool. Any integer can stand here: the server clamps it. */
  readonly pool_count: number
  readonly quicfrp?: Extension | undefined
}

/** A non-empty `error` means that the login failed and the server closes. */
export interface LoginResp {
  readonly type: 'LoginResp'
  readonly version: string
  readonly run_id: string
  readonly error: string
  readonly quicfrp?: ServerExtension | undefined
}

export interface NewProxy {
  readonly type: 'NewProxy'
  /** With the prefix `user.` when the client has a user. */
  readonly proxy_name: string
  /** Empty means tcp. */
  readonly proxy_type: string
  readonly use_encryption: boolean
  readonly use_compression: boolean
  /** `1.5MB`, `500KB`. */
  readonly bandwidth_limit: string
  /** `server`, or empty for `client`. */
  readonly bandwidth_limit_mode: string
  readonly group: string
  readonly group_key: string
  readonly metas: StringMap
  readonly annotations: StringMap
  /** 0: the server chooses. Not bounded here. */
  readonly remote_port: number
  readonly custom_domains: readonly string[]
  readonly subdomain: string
  readonly locations: readonly string[]
  readonly http_user: string
  readonly http_pwd: string
  readonly host_header_rewrite: string
  readonly headers: StringMap
  readonly response_headers: StringMap
  readonly route_by_http_user: string
  readonly sk: string
  readonly allow_users: readonly string[]
  readonly multiplexer: string
  readonly quicfrp?: ProxyExtension | undefined
}

export interface NewProxyResp {
  readonly type: 'NewProxyResp'
  readonly proxy_name: string
  /** `:6000` for tcp and udp, `host:port` lists for http. */
  readonly remote_addr: string
  readonly error: string
}

/** Never answered. */
export interface CloseProxy {
  readonly type: 'CloseProxy'
  readonly proxy_name: string
}

/** Ours only: the next prekey of a secret proxy that is running. Never answered. */
export interface ProxyKey {
  readonly type: 'ProxyKey'
  readonly proxy_name: string
  readonly prekey: string
}

/** First on a stream; offers it to the server's pool. */
export interface NewWorkConn {
  readonly type: 'NewWorkConn'
  readonly run_id: string
  readonly privilege_key: string
  readonly timestamp: number
}

/** Asks for one work stream. */
export interface ReqWorkConn {
  readonly type: 'ReqWorkConn'
}

/** Last message on a work stream: payload follows without a gap. */
export interface StartWorkConn {
  readonly type: 'StartWorkConn'
  readonly proxy_name: string
  readonly src_addr: string
  readonly dst_addr: string
  /** 0..65535. */
  readonly src_port: number
  /** 0..65535. */
  readonly dst_port: number
  readonly error: string
  /** Ours only, for a proxy with a prekey. */
  readonly quicfrp?: VisitorIntroduction | undefined
}

export interface NewVisitorConn {
  readonly type: 'NewVisitorConn'
  readonly run_id: string
  readonly proxy_name: string
  readonly sign_key: string
  readonly timestamp: number
  readonly use_encryption: boolean
  readonly use_compression: boolean
  readonly quicfrp?: VisitorWishes | undefined
}

export interface NewVisitorConnResp {
  readonly type: 'NewVisitorConnResp'
  readonly proxy_name: string
  readonly error: string
  readonly quicfrp?: VisitorAnswer | undefined
}

export interface Ping {
  readonly type: 'Ping'
  readonly privilege_key: string
  readonly timestamp: number
}

export interface Pong {
  readonly type: 'Pong'
  readonly error: string
}

/** Go's net.UDPAddr. All three fields are always sent. */
export interface UdpAddress {
  readonly IP: string
  readonly Port: number
  readonly Zone: string
}

export interface UDPPacket {
  readonly type: 'UDPPacket'
  /** The payload. */
  readonly c: Buffer
  readonly l?: UdpAddress | undefined
  /** The user's address. */
  readonly r?: UdpAddress | undefined
}

export interface NatHoleVisitor {
  readonly type: 'NatHoleVisitor'
  readonly transaction_id: string
  readonly proxy_name: string
  readonly pre_check: boolean
  readonly protocol: string
  readonly sign_key: string
  readonly timestamp: number
  readonly mapped_addrs: readonly string[]
  readonly assisted_addrs: readonly string[]
}

export interface NatHoleClient {
  readonly type: 'NatHoleClient'
  readonly transaction_id: string
  readonly proxy_name: string
  readonly sid: string
  readonly mapped_addrs: readonly string[]
  readonly assisted_addrs: readonly string[]
  /** Ours only: why the visitor is refused. */
  readonly quicfrp?: { readonly error: string } | undefined
}

export interface PortsRange {
  readonly from: number
  readonly to: number
}

export interface DetectBehavior {
  /** `sender` or `receiver`. */
  readonly role: string
  readonly mode: number
  readonly ttl: number
  readonly send_delay_ms: number
  /** Milliseconds, despite the name. */
  readonly read_timeout: number
  readonly candidate_ports: readonly PortsRange[]
  readonly send_random_ports: number
  readonly listen_random_ports: number
}

export interface NatHoleResp {
  readonly type: 'NatHoleResp'
  readonly transaction_id: string
  readonly sid: string
  readonly protocol: string
  readonly candidate_addrs: readonly string[]
  readonly assisted_addrs: readonly string[]
  readonly detect_behavior: DetectBehavior
  readonly error: string
}

export interface NatHoleSid {
  readonly type: 'NatHoleSid'
  readonly transaction_id: string
  readonly sid: string
  readonly response: boolean
  readonly nonce: string
  /** Ours only, on a work stream. */
  readonly quicfrp?: HoleExtension | undefined
}

export interface NatHoleReport {
  readonly type: 'NatHoleReport'
  readonly sid: string
  readonly success: boolean
}

/**
 * First on a stream of a client of ours that is logged in: answer this STUN transaction from a
 * port, and an address, that nobody sent to.
 */
export interface StunTest {
  readonly type: 'StunTest'
  /** 24 hexadecimal digits. */
  readonly transaction_id: string
  /** Under which address the client reaches the server, who may not know it himself. */
  readonly server_ip: string
}

/** From where it was answered. The stream ends with it. */
export interface StunTestResp {
  readonly type: 'StunTestResp'
  readonly error: string
  readonly from_other_port: boolean
  readonly from_other_ip: boolean
}

/** First on a stream of a client of ours that is logged in; asks for a bench (lib/bench). */
export interface NewBench {
  readonly type: 'NewBench'
  /** Longest life that is wanted. */
  readonly seconds: number
}

/** The bench lasts until this stream ends, unless there is an error. */
export interface NewBenchResp {
  readonly type: 'NewBenchResp'
  readonly error: string
  /** After so many the server ends it. */
  readonly seconds: number
  /** Streams at once. */
  readonly streams: number
}

/** First on a stream of a running bench. It has no answer: the bytes of the service follow. */
export interface StartBench {
  readonly type: 'StartBench'
  /** `source`, `sink`, `echo` or `datagrams`. */
  readonly service: string
}

/** A message as it was read: every field is there, an absent one as its zero value. */
export type Message =
  | Login
  | LoginResp
  | NewProxy
  | NewProxyResp
  | CloseProxy
  | ProxyKey
  | NewWorkConn
  | ReqWorkConn
  | StartWorkConn
  | NewVisitorConn
  | NewVisitorConnResp
  | Ping
  | Pong
  | UDPPacket
  | NatHoleVisitor
  | NatHoleClient
  | NatHoleResp
  | NatHoleSid
  | NatHoleReport
  | StunTest
  | StunTestResp
  | NewBench
  | NewBenchResp
  | StartBench

export type MessageType = Message['type']

/** The message with this name: `MessageOf<'Login'>` is Login. */
export type MessageOf<T extends MessageType> = Extract<Message, { type: T }>

/** A message to send: what is left out is its zero value, at every depth. */
export type Draft<M> = M extends Buffer | string | number | boolean | readonly string[] | StringMap
  ? M
  : M extends readonly (infer E)[]
    ? readonly Draft<E>[]
    : M extends { readonly type: MessageType }
      ? { readonly type: M['type'] } & {
          readonly [K in Exclude<keyof M, 'type'>]?: Draft<M[K]> | undefined
        }
      : { readonly [K in keyof M]?: Draft<M[K]> | undefined }

/** Any message to send; every Message is one. */
export type OutgoingMessage = { [T in MessageType]: Draft<MessageOf<T>> }[MessageType]
