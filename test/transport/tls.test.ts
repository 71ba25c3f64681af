import t from 'tap'
import { explainClient } from '../../lib/transport/tls.ts'

t.test('a handshake that fails at the server is explained as what the client did', async t => {
  const explained = (code: string): string => {
    return explainClient(Object.assign(new Error('809C:error:0A00009C:ssl3_record.c:341'), { code }))
  }
  t.match(explained('ECONNRESET'), /^it left during the handshake$/)
  t.match(explained('ERR_TLS_HANDSHAKE_TIMEOUT'), /^it did not finish/)
  t.match(explained('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'), /does not accept this server's certificate/)
  t.match(explained('ERR_SSL_UNSUPPORTED_PROTOCOL'), /no TLS version from 1\.2 on/)
  t.equal(explained('ERR_SSL_HTTP_REQUEST'), 'it does not speak TLS (ERR_SSL_HTTP_REQUEST)')
})
