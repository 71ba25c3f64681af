import t from 'tap'
import { TunnelError } from '../../lib/errors.ts'
import { decodeBody, encodeMessage, MAX_BODY_BYTES, typeOfByte } from '../../lib/wire/codec.ts'
import type { MessageType, OutgoingMessage } from '../../lib/wire/messages.ts'

const TYPE_BYTES: Record<MessageType, string> = {
  Login: 'o',
  LoginResp: '1',
  NewProxy: 'p',
  NewProxyResp: '2',
  CloseProxy: 'c',
  ProxyKey: 'k',
  NewWorkConn: 'w',
  ReqWorkConn: 'r',
  StartWorkConn: 's',
  NewVisitorConn: 'v',
  NewVisitorConnResp: '3',
  Ping: 'h',
  Pong: '4',
  UDPPacket: 'u',
  NatHoleVisitor: 'i',
  NatHoleClient: 'n',
  NatHoleResp: 'm',
  NatHoleSid: '5',
  NatHoleReport: '6',
  StunTest: 'T',
  StunTestResp: 't',
  NewBench: 'B',
  NewBenchResp: 'N',
  StartBench: 'S',
}

function decode(type: MessageType, json: string): unknown {
  return decodeBody(TYPE_BYTES[type].charCodeAt(0), Buffer.from(json))
}

function encodedJson(message: OutgoingMessage): string {
  return encodeMessage(message).subarray(9).toString()
}

t.test('each of the 18 messages of frp, and each of ours, has its type byte', async t => {
  for (const [type, byte] of Object.entries(TYPE_BYTES)) {
    t.equal(typeOfByte(byte.charCodeAt(0)), type)
    t.equal(encodeMessage({ type } as OutgoingMessage).toString('latin1', 0, 1), byte)
  }
})

t.test('an empty Ping has the bytes of the vector', async t => {
  t.equal(encodeMessage({ type: 'Ping' }).toString('hex'), '6800000000000000027b7d')
})

t.test('zero values are left out and nested objects stay', async t => {
  t.equal(
    encodedJson({ type: 'Login', version: '', pool_count: 0, metas: {} }),
    '{"client_spec":{}}',
  )
  t.equal(encodedJson({ type: 'NatHoleResp', candidate_addrs: [] }), '{"detect_behavior":{}}')
  t.equal(encodedJson({ type: 'NewProxy', use_encryption: false, allow_users: [] }), '{}')
  t.equal(encodedJson({ type: 'UDPPacket', c: Buffer.alloc(0) }), '{}')
})

t.test('fields come in the order of frp, and the keys of maps sorted', async t => {
  t.equal(
    encodedJson({ type: 'Login', pool_count: 1, metas: { b: '2', a: '1' }, version: '0.70.1' }),
    '{"version":"0.70.1","metas":{"a":"1","b":"2"},"client_spec":{},"pool_count":1}',
  )
})

t.test('a UDP packet is as captured from frp', async t => {
  const json = '{"c":"QUFB","r":{"IP":"127.0.0.1","Port":44329,"Zone":""}}'
  const r = { IP: '127.0.0.1', Port: 44_329, Zone: '' }
  t.equal(encodedJson({ type: 'UDPPacket', c: Buffer.from('AAA'), r }), json)
  t.strictSame(decode('UDPPacket', json), { type: 'UDPPacket', c: Buffer.from('AAA'), r })
})

t.test('the characters that Go escapes are escaped', async t => {
  t.equal(
    encodedJson({ type: 'Pong', error: '<a>&\u2028\u2029"\n' }),
    '{"error":"\\u003ca\\u003e\\u0026\\u2028\\u2029\\"\\n"}',
  )
})

t.test('absent and null fields are zero', async t => {
  const zero = {
    type: 'StartWorkConn',
    proxy_name: '',
    src_addr: '',
    dst_addr: '',
    src_port: 0,
    dst_port: 0,
    error: '',
  }
  t.strictSame(decode('StartWorkConn', '{}'), zero)
  t.strictSame(decode('StartWorkConn', '{"error":null,"src_port":null}'), zero)
  t.match(decode('Login', '{"client_spec":null,"metas":null}'), {
    client_spec: { type: '', always_auth_pass: false },
    metas: {},
  })
})

t.test('field names match in any case and unknown fields are ignored', async t => {
  const json = '{"Run_ID":"x","CLIENT_SPEC":{"Type":"t","z":1},"novel":[{}],"constructor":1}'
  t.match(decode('Login', json), { run_id: 'x', client_spec: { type: 't' } })
})

t.test('our extension is there only when it was sent', async t => {
  const extension = { version: '0.1.0', features: ['server-streams', 'half-close'] }
  const json = encodedJson({ type: 'LoginResp', run_id: 'r', quicfrp: extension })
  t.equal(
    json,
    '{"run_id":"r","quicfrp":{"version":"0.1.0","features":["server-streams","half-close"]}}',
  )
  t.match(decode('LoginResp', json), { quicfrp: extension })
  t.notOk('quicfrp' in (decode('LoginResp', '{"run_id":"r"}') as object))
})

t.test('a full message survives the round trip', async t => {
  const message: OutgoingMessage = {
    type: 'NatHoleResp',
    transaction_id: 't',
    sid: 's',
    protocol: 'quic',
    candidate_addrs: ['1.2.3.4:5'],
    assisted_addrs: ['[::1]:6'],
    detect_behavior: {
      role: 'sender',
      mode: 3,
      ttl: 7,
      send_delay_ms: 1000,
      read_timeout: 5000,
      candidate_ports: [{ from: 1, to: 2 }],
      send_random_ports: 4,
      listen_random_ports: 256,
    },
    error: 'é \ud83d\ude00',
  }
  t.strictSame(decode('NatHoleResp', encodedJson(message)), message)
})

t.test('any pool_count that is an integer is passed on, for the server to clamp', async t => {
  for (const count of [-1, -(2 ** 31), 2 ** 31, Number.MAX_SAFE_INTEGER]) {
    t.match(decode('Login', `{"pool_count":${count}}`), { pool_count: count })
  }
})

t.test('a key __proto__ in a map is a plain key', async t => {
  const login = decode('Login', '{"metas":{"__proto__":"x"},"__proto__":{"user":"evil"}}')
  t.match(login, { user: '' })
  t.strictSame(Object.entries((login as { metas: object }).metas), [['__proto__', 'x']])
})

t.test('what is malformed is refused with message and field, without its value', async t => {
  const cases: [MessageType, string, string][] = [
    ['Login', '{"pool_count":1.5,"x":"s3cret"}', 'Login.pool_count'],
    ['Login', '{"pool_count":"s3cret"}', 'Login.pool_count'],
    ['Login', '{"pool_count":1e400}', 'Login.pool_count'],
    ['Login', '{"pool_count":9007199254740993}', 'Login.pool_count'],
    ['Login', '{"timestamp":true}', 'Login.timestamp'],
    ['Login', '{"privilege_key":["s3cret"]}', 'Login.privilege_key'],
    ['Login', '{"metas":{"s3cret":1}}', 'Login.metas'],
    ['Login', '{"metas":["s3cret"]}', 'Login.metas'],
    ['Login', '{"client_spec":"s3cret"}', 'Login.client_spec'],
    ['Login', '{"client_spec":{"always_auth_pass":1}}', 'Login.client_spec.always_auth_pass'],
    ['Login', '{"quicfrp":{"features":[1]}}', 'Login.quicfrp.features[0]'],
    ['NewProxy', '{"use_encryption":"s3cret"}', 'NewProxy.use_encryption'],
    ['NewProxy', '{"custom_domains":"s3cret"}', 'NewProxy.custom_domains'],
    ['NewProxy', '{"custom_domains":["a",{}]}', 'NewProxy.custom_domains[1]'],
    ['StartWorkConn', '{"src_port":65536}', 'StartWorkConn.src_port'],
    ['StartWorkConn', '{"src_port":-1}', 'StartWorkConn.src_port'],
    ['UDPPacket', '{"c":"s3cret!"}', 'UDPPacket.c'],
    ['UDPPacket', '{"c":"QQ="}', 'UDPPacket.c'],
    ['UDPPacket', '{"r":{"Port":70000}}', 'UDPPacket.r.Port'],
    ['NatHoleResp', '{"detect_behavior":{"candidate_ports":[3]}}', 'candidate_ports[0]'],
    ['Ping', '', 'Ping'],
    ['Ping', '{"privilege_key":"s3cret', 'Ping'],
    ['Ping', '["s3cret"]', 'Ping'],
    ['Ping', 'null', 'Ping'],
    ['Ping', '{} s3cret', 'Ping'],
    ['Ping', '['.repeat(MAX_BODY_BYTES), 'Ping'],
  ]
  for (const [type, json, named] of cases) {
    try {
      decode(type, json)
      t.fail(`${json} was accepted`)
    } catch (error) {
      t.ok(error instanceof TunnelError && error.code === 'PROTOCOL_ERROR', json.slice(0, 60))
      t.ok(String(error).includes(named), `${String(error)} names ${named}`)
      t.notMatch(String(error), /s3cret/)
      t.equal((error as Error).cause, undefined)
    }
  }
})

t.test('an unknown type and an overlong body are refused', async t => {
  t.throws(() => decodeBody(0x7a, Buffer.from('{}')), { code: 'PROTOCOL_ERROR', message: /0x7a/ })
  const long = Buffer.from(`{"x":"${'a'.repeat(MAX_BODY_BYTES)}"}`)
  t.throws(() => decodeBody(0x68, long), { code: 'PROTOCOL_ERROR', message: /out of bounds/ })
})

t.test('a message that the peer would refuse for its length is not encoded', async t => {
  const fits = encodeMessage({ type: 'Pong', error: 'a'.repeat(MAX_BODY_BYTES - 12) })
  t.equal(fits.length, 9 + MAX_BODY_BYTES)
  t.throws(() => encodeMessage({ type: 'Pong', error: 'a'.repeat(MAX_BODY_BYTES - 11) }), {
    code: 'LIMIT_EXCEEDED',
    message: /Pong message is 10241 bytes/,
  })
})
