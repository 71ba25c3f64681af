// The fields of every v1 message, as a table that codec.ts reads both ways: type byte, names,
// kinds, order. The compiler holds it against the interfaces of messages.ts. Format: frp-wire.md
// section 2.3 and 2.4.

import type { MessageOf, MessageType } from './messages.ts'

/**
 * How a field is written and checked. `int` is any safe integer: Go's 64-bit integers beyond 2^53
 * are refused. An `object` is always sent, even as {}; `optional` and `full` ones can be absent,
 * and `full` ones send their zeros.
 */
export type Kind =
  | 'string'
  | 'boolean'
  | 'int'
  | 'u16'
  | 'bytes'
  | 'strings'
  | 'map'
  | { readonly list: Fields }
  | { readonly object: Fields }
  | { readonly optional: Fields }
  | { readonly full: Fields }
export type Fields = { readonly [name: string]: Kind }

type KindOf<T> = [T] extends [string]
  ? 'string'
  : [T] extends [boolean]
    ? 'boolean'
    : [T] extends [number]
      ? 'int' | 'u16'
      : [T] extends [Buffer]
        ? 'bytes'
        : [T] extends [readonly string[]]
          ? 'strings'
          : [T] extends [readonly (infer E)[]]
            ? { readonly list: FieldsOf<E> }
            : string extends keyof T
              ? 'map'
              :
                  | { readonly object: FieldsOf<T> }
                  | { readonly optional: FieldsOf<T> }
                  | { readonly full: FieldsOf<T> }
type TagOf<T> = T extends { type: MessageType } ? 'type' : never
type FieldsOf<T> = T extends unknown
  ? { readonly [K in Exclude<keyof T, TagOf<T>>]-?: KindOf<NonNullable<T[K]>> }
  : never

const EXTENSION = { optional: { version: 'string', features: 'strings' } } as const
const OFFER = { ephemeral: 'string', prekey: 'string', proof: 'string' } as const
const UDP_ADDRESS = { full: { IP: 'string', Port: 'u16', Zone: 'string' } } as const

// In the order of frp's structs, so that our bytes equal Go's.
export const SCHEMA: {
  readonly [T in MessageType]: { readonly byte: string; readonly fields: FieldsOf<MessageOf<T>> }
} = {
  Login: {
    byte: 'o',
    fields: {
      version: 'string',
      hostname: 'string',
      os: 'string',
      arch: 'string',
      user: 'string',
      privilege_key: 'string',
      timestamp: 'int',
      run_id: 'string',
      client_id: 'string',
      metas: 'map',
      client_spec: { object: { type: 'string', always_auth_pass: 'boolean' } },
      pool_count: 'int',
      quicfrp: EXTENSION,
    },
  },
  LoginResp: {
    byte: '1',
    fields: {
      version: 'string',
      run_id: 'string',
      error: 'string',
      quicfrp: {
        optional: {
          ...EXTENSION.optional,
          stun_port: 'u16',
          stun_second_port: 'u16',
          stun_other_ip: 'string',
          stun_other_port: 'u16',
        },
      },
    },
  },
  NewProxy: {
    byte: 'p',
    fields: {
      proxy_name: 'string',
      proxy_type: 'string',
      use_encryption: 'boolean',
      use_compression: 'boolean',
      bandwidth_limit: 'string',
      bandwidth_limit_mode: 'string',
      group: 'string',
      group_key: 'string',
      metas: 'map',
      annotations: 'map',
      remote_port: 'int',
      custom_domains: 'strings',
      subdomain: 'string',
      locations: 'strings',
      http_user: 'string',
      http_pwd: 'string',
      host_header_rewrite: 'string',
      headers: 'map',
      response_headers: 'map',
      route_by_http_user: 'string',
      sk: 'string',
      allow_users: 'strings',
      multiplexer: 'string',
      quicfrp: { optional: { prekey: 'string', priority: 'string' } },
    },
  },
  NewProxyResp: {
    byte: '2',
    fields: { proxy_name: 'string', remote_addr: 'string', error: 'string' },
  },
  CloseProxy: { byte: 'c', fields: { proxy_name: 'string' } },
  // Not frp's: sent only to a server that named the feature 'visitor-e2e'.
  ProxyKey: { byte: 'k', fields: { proxy_name: 'string', prekey: 'string' } },
  NewWorkConn: {
    byte: 'w',
    fields: { run_id: 'string', privilege_key: 'string', timestamp: 'int' },
  },
  ReqWorkConn: { byte: 'r', fields: {} },
  StartWorkConn: {
    byte: 's',
    fields: {
      proxy_name: 'string',
      src_addr: 'string',
      dst_addr: 'string',
      src_port: 'u16',
      dst_port: 'u16',
      error: 'string',
      quicfrp: {
        optional: {
          ...OFFER,
          sign_key: 'string',
          timestamp: 'int',
          use_encryption: 'boolean',
          use_compression: 'boolean',
        },
      },
    },
  },
  NewVisitorConn: {
    byte: 'v',
    fields: {
      run_id: 'string',
      proxy_name: 'string',
      sign_key: 'string',
      timestamp: 'int',
      use_encryption: 'boolean',
      use_compression: 'boolean',
      quicfrp: { optional: { ...OFFER, priority: 'string', early: 'boolean' } },
    },
  },
  NewVisitorConnResp: {
    byte: '3',
    fields: {
      proxy_name: 'string',
      error: 'string',
      quicfrp: {
        optional: {
          prekey: 'string',
          challenge: 'int',
          use_compression: 'boolean',
          observed: 'string',
        },
      },
    },
  },
  Ping: { byte: 'h', fields: { privilege_key: 'string', timestamp: 'int' } },
  Pong: { byte: '4', fields: { error: 'string' } },
  UDPPacket: { byte: 'u', fields: { c: 'bytes', l: UDP_ADDRESS, r: UDP_ADDRESS } },
  NatHoleVisitor: {
    byte: 'i',
    fields: {
      transaction_id: 'string',
      proxy_name: 'string',
      pre_check: 'boolean',
      protocol: 'string',
      sign_key: 'string',
      timestamp: 'int',
      mapped_addrs: 'strings',
      assisted_addrs: 'strings',
    },
  },
  NatHoleClient: {
    byte: 'n',
    fields: {
      transaction_id: 'string',
      proxy_name: 'string',
      sid: 'string',
      mapped_addrs: 'strings',
      assisted_addrs: 'strings',
      quicfrp: { optional: { error: 'string' } },
    },
  },
  NatHoleResp: {
    byte: 'm',
    fields: {
      transaction_id: 'string',
      sid: 'string',
      protocol: 'string',
      candidate_addrs: 'strings',
      assisted_addrs: 'strings',
      detect_behavior: {
        object: {
          role: 'string',
          mode: 'int',
          ttl: 'int',
          send_delay_ms: 'int',
          read_timeout: 'int',
          candidate_ports: { list: { from: 'int', to: 'int' } },
          send_random_ports: 'int',
          listen_random_ports: 'int',
        },
      },
      error: 'string',
    },
  },
  NatHoleSid: {
    byte: '5',
    fields: {
      transaction_id: 'string',
      sid: 'string',
      response: 'boolean',
      nonce: 'string',
      quicfrp: { optional: { sign_key: 'string', timestamp: 'int', protocol: 'string' } },
    },
  },
  NatHoleReport: { byte: '6', fields: { sid: 'string', success: 'boolean' } },
  StunTest: { byte: 'T', fields: { transaction_id: 'string', server_ip: 'string' } },
  StunTestResp: {
    byte: 't',
    fields: { error: 'string', from_other_port: 'boolean', from_other_ip: 'boolean' },
  },
  NewBench: { byte: 'B', fields: { seconds: 'int' } },
  NewBenchResp: { byte: 'N', fields: { error: 'string', seconds: 'int', streams: 'int' } },
  StartBench: { byte: 'S', fields: { service: 'string' } },
}
