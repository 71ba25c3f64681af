import t from 'tap'
import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { loadTlsMaterial, selfSignedCertificate } from '../../lib/transport/certificate.ts'

const DAY_MS = 86_400_000

t.test('the certificate in memory is EC, valid now and for years', async t => {
  const { cert } = await selfSignedCertificate()
  const parsed = new X509Certificate(cert)
  t.equal(parsed.publicKey.asymmetricKeyType, 'ec')
  t.ok(Date.parse(parsed.validFrom) < Date.now() - 1_800_000, 'a late clock accepts it')
  t.ok(Date.parse(parsed.validTo) > Date.now() + 9 * 365 * DAY_MS)
})

t.test('files that fit are loaded', async t => {
  const pair = await selfSignedCertificate()
  const dir = t.testdir({ 'a.crt': pair.cert, 'a.key': pair.key, 'ca.crt': pair.cert })
  const material = await loadTlsMaterial({
    certFile: join(dir, 'a.crt'),
    keyFile: join(dir, 'a.key'),
    trustedCaFile: join(dir, 'ca.crt'),
  })
  t.strictSame(material, { key: pair.key, cert: pair.cert, ca: pair.cert, warnings: [] })
})

t.test('no files is no material', async t => {
  const material = await loadTlsMaterial({ certFile: '', keyFile: '', trustedCaFile: '' })
  t.strictSame(material, { warnings: [] })
})

t.test('a certificate without a key names the missing config key', async t => {
  await t.rejects(loadTlsMaterial({ certFile: '/x.crt' }), {
    code: 'CONFIG_INVALID',
    message: /transport\.tls\.keyFile is not/,
  })
})

t.test('a missing file is named', async t => {
  const path = join(t.testdir({}), 'none.crt')
  await t.rejects(loadTlsMaterial({ trustedCaFile: path }), {
    code: 'CONFIG_INVALID',
    message: new RegExp(path),
  })
})

t.test('a key of another certificate is refused', async t => {
  const [one, two] = [await selfSignedCertificate(), await selfSignedCertificate()]
  const dir = t.testdir({ 'a.crt': one.cert, 'b.key': two.key })
  await t.rejects(
    loadTlsMaterial({ certFile: join(dir, 'a.crt'), keyFile: join(dir, 'b.key') }),
    { code: 'CONFIG_INVALID', message: /b\.key does not belong/ },
  )
})

t.test('a broken key is refused and not quoted', async t => {
  const { cert } = await selfSignedCertificate()
  const dir = t.testdir({ 'a.crt': cert, 'a.key': 'very secret bytes' })
  const failure = loadTlsMaterial({ certFile: join(dir, 'a.crt'), keyFile: join(dir, 'a.key') })
  const error = await failure.then(() => undefined, (thrown: unknown) => thrown)
  t.match(error, { code: 'CONFIG_INVALID', message: /a\.key holds no usable/ })
  t.notMatch(String(error), /secret bytes/)
})

t.test('an expired certificate loads with a warning', async t => {
  const old = await generate([{ name: 'commonName', value: 'old' }], {
    keyType: 'ec',
    notBeforeDate: new Date(Date.now() - 2 * DAY_MS),
    notAfterDate: new Date(Date.now() - DAY_MS),
  })
  const dir = t.testdir({ 'a.crt': old.cert, 'a.key': old.private })
  const material = await loadTlsMaterial({
    certFile: join(dir, 'a.crt'),
    keyFile: join(dir, 'a.key'),
  })
  t.match(material.warnings, [/a\.crt expired on/])
})
