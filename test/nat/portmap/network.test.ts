import t from 'tap'
import {
  gatewayOfProcNetRoute,
  gatewayOfRouteGet,
  gatewayOfRoutePrint,
} from '../../../nat/portmap/default-route.ts'

t.test('Linux: the default route with the smallest metric and a gateway', async t => {
  const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n'
  const row = (gateway: string, flags: string, metric: number, destination = '00000000'): string =>
    `eth0\t${destination}\t${gateway}\t${flags}\t0\t0\t${metric}\t00000000\t0\n`
  t.equal(gatewayOfProcNetRoute(head + row('0101A8C0', '0003', 0)), '192.168.1.1')
  t.equal(
    gatewayOfProcNetRoute(head + row('0101A8C0', '0003', 600) + row('FE00000A', '0003', 100)),
    '10.0.0.254',
  )
  t.equal(gatewayOfProcNetRoute(head + row('00000000', '0001', 0)), undefined, 'a VPN device')
  t.equal(gatewayOfProcNetRoute(head + row('0101A8C0', '0003', 0, '000000C0')), undefined)
  t.equal(gatewayOfProcNetRoute(head), undefined)
  t.equal(gatewayOfProcNetRoute(''), undefined)
})

t.test('macOS and Windows: what their tools print', async t => {
  const mac = '   route to: default\n    gateway: 192.168.1.1\n  interface: en0\n'
  t.equal(gatewayOfRouteGet(mac), '192.168.1.1')
  t.equal(gatewayOfRouteGet('    gateway: link#14\n'), undefined)
  t.equal(gatewayOfRouteGet('route: writing to routing socket: not in table\n'), undefined)
  const windows = [
    'IPv4-Routentabelle',
    '     Netzwerkziel    Netzwerkmaske          Gateway    Schnittstelle Metrik',
    '          0.0.0.0          0.0.0.0     192.168.1.254    192.168.1.23     55',
    '          0.0.0.0          0.0.0.0      192.168.1.1    192.168.1.23     25',
    '        127.0.0.0        255.0.0.0   Auf Verbindung       127.0.0.1    331',
  ].join('\r\n')
  t.equal(gatewayOfRoutePrint(windows), '192.168.1.1')
  const onLink = '  0.0.0.0  0.0.0.0  On-link  10.8.0.2  5'
  t.equal(gatewayOfRoutePrint(onLink), undefined)
})
