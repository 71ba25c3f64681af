import t from 'tap'
import { externalIpOf, faultOf, servicesOf, soapRequest, textOf } from '../../../nat/portmap/igd.ts'
import { decodeAnswer, encodeSearch, urlOn } from '../../../nat/portmap/ssdp.ts'

const GATEWAY = '192.168.77.1'

// As MiniUPnPd 2.3.1 writes it, shortened.
const REAL =
  '<root xmlns="urn:schemas-upnp-org:device-1-0" configId="1337"><device><serviceList><service>' +
  '<serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType>' +
  '<controlURL>/ctl/L3F</controlURL></service></serviceList><deviceList><device><serviceList>' +
  '<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:2</serviceType>' +
  '<serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId><SCPDURL>/WANIPCn.xml</SCPDURL>' +
  '<controlURL>/ctl/IPConn</controlURL><eventSubURL>/evt/IPConn</eventSubURL></service>' +
  '</serviceList></device></deviceList></device></root>'

function answer(location: string): Buffer {
  return Buffer.from(`HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: ${location}\r\n\r\n`)
}

t.test('a search is one of UPnP, and its answer names a URL of the gateway', async t => {
  const text = encodeSearch('upnp:rootdevice').toString()
  t.match(text, /^M-SEARCH \* HTTP\/1\.1\r\nHOST: 239\.255\.255\.250:1900\r\n/)
  t.match(text, /\r\nMAN: "ssdp:discover"\r\n/)
  t.match(text, /\r\nST: upnp:rootdevice\r\n\r\n$/)
  const url = `http://${GATEWAY}:44603/rootDesc.xml`
  t.equal(decodeAnswer(answer(url), GATEWAY), url)
  t.equal(decodeAnswer(Buffer.from(`HTTP/1.0 200 OK\r\nlocation:${url}\r\n\r\n`), GATEWAY), url)
})

t.test('URLs that lead anywhere else are not taken', async t => {
  for (const location of [
    'http://192.168.77.9:80/desc.xml',
    'http://127.0.0.1:7400/api/stop',
    'http://evil.example/',
    `http://user:pw@${GATEWAY}/`,
    `https://${GATEWAY}/`,
    `file://${GATEWAY}/etc/passwd`,
    `http://${GATEWAY}.evil.example/`,
    `http://${GATEWAY}@evil.example/`,
    '/desc.xml',
    '',
  ]) {
    t.equal(decodeAnswer(answer(location), GATEWAY), undefined, location)
  }
  t.equal(decodeAnswer(Buffer.from('NOTIFY * HTTP/1.1\r\n\r\n'), GATEWAY), undefined)
  t.equal(decodeAnswer(Buffer.alloc(3000, 0x41), GATEWAY), undefined, 'too long')
  t.equal(urlOn(GATEWAY, '//evil.example/x', `http://${GATEWAY}/`), undefined)
  t.equal(urlOn(GATEWAY, 'ctl', `http://${GATEWAY}:1/a/b`), `http://${GATEWAY}:1/a/ctl`)
})

t.test('of a description only services that map ports are kept, best first', async t => {
  const url = `http://${GATEWAY}:44603/rootDesc.xml`
  t.strictSame(servicesOf(REAL, url, GATEWAY), [
    {
      type: 'urn:schemas-upnp-org:service:WANIPConnection:2',
      controlUrl: `http://${GATEWAY}:44603/ctl/IPConn`,
    },
  ])
  const service = (type: string, control: string): string =>
    `<service><serviceType>urn:schemas-upnp-org:service:${type}</serviceType>` +
    `<controlURL>${control}</controlURL></service>`
  const several = [
    service('WANPPPConnection:1', '/ppp'),
    service('WANIPConnection:1', 'http://192.168.77.66/ip'),
    service('WANIPConnection:1', `http://${GATEWAY}/ip?a=1&amp;b=2`),
  ].join('\n')
  t.strictSame(
    servicesOf(`<URLBase>http://${GATEWAY}:99/</URLBase>${several}`, url, GATEWAY).map(
      ({ controlUrl }) => controlUrl,
    ),
    [`http://${GATEWAY}/ip?a=1&b=2`, `http://${GATEWAY}:99/ppp`],
    'not the one on another machine',
  )
  const foreignBase = `<URLBase>http://evil.example/</URLBase>${several}`
  t.equal(servicesOf(foreignBase, url, GATEWAY).length, 2, 'a foreign base is not used')
})

t.test('documents that are cut, huge or strange cost little and give nothing', async t => {
  const url = `http://${GATEWAY}/`
  for (let length = 0; length < REAL.length; length += 7) {
    servicesOf(REAL.slice(0, length), url, GATEWAY)
  }
  const begin = process.cpuUsage().user
  for (const piece of ['<service>', '<service ', '<a:', '</service>', '<', '&amp;']) {
    const document = piece.repeat(Math.floor(65_536 / piece.length))
    t.strictSame(servicesOf(document, url, GATEWAY), [])
    textOf(document, 'controlURL')
  }
  const usedMs = (process.cpuUsage().user - begin) / 1000
  t.ok(usedMs < 1000, `${usedMs} ms for six documents of 64 KiB`)
})

t.test('a request is SOAP in the order of the standard', async t => {
  const type = 'urn:schemas-upnp-org:service:WANIPConnection:1'
  const { headers, body } = soapRequest({ type, controlUrl: 'http://x/' }, 'DeletePortMapping', {
    NewRemoteHost: '',
    NewExternalPort: 5,
    NewProtocol: 'UDP',
  })
  t.equal(headers['soapaction'], `"${type}#DeletePortMapping"`)
  t.match(
    body,
    '<NewRemoteHost></NewRemoteHost><NewExternalPort>5</NewExternalPort><NewProtocol>UDP<',
  )
})

t.test('addresses and faults are read whatever the namespace', async t => {
  const at = (ip: string): string => `<a:NewExternalIPAddress>${ip}</a:NewExternalIPAddress>`
  t.equal(externalIpOf(at('198.51.100.7')), '198.51.100.7')
  for (const wrong of ['', '0.0.0.0', '1.2.3', '1.2.3.4.5', '999.1.1.1', 'a.b.c.d', '::1']) {
    t.equal(externalIpOf(at(wrong)), undefined, wrong)
  }
  t.equal(faultOf('<errorCode> 725 </errorCode>'), 725)
  t.equal(faultOf('<errorCode>OnlyPermanent</errorCode>'), undefined)
  t.equal(faultOf(''), undefined)
})
