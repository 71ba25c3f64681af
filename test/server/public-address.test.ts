import t from 'tap'
import { addressTowards, type ServerPlace } from '../../lib/server/public-address.ts'

function place(rest: Partial<ServerPlace> = {}): ServerPlace {
  return {
    own: [
      { ip: '127.0.0.1', prefixLength: 8 },
      { ip: '::1', prefixLength: 128 },
      { ip: '172.31.5.9', prefixLength: 20 },
    ],
    bindAddr: '0.0.0.0',
    publicAddr: '',
    dialled: { 4: undefined, 6: undefined },
    ...rest,
  }
}

const ASKER = '203.0.113.1'

t.test('an asker on this machine reaches it on loopback', async t => {
  t.equal(addressTowards('127.0.0.1', place()), '127.0.0.1')
  t.equal(addressTowards('::1', place()), '::1')
})

t.test('a neighbour reaches the address of their network', async t => {
  t.equal(addressTowards('172.31.1.1', place({ publicAddr: '198.51.100.1' })), '172.31.5.9')
})

t.test('the public address of an interface is the one for the internet', async t => {
  const own = [...place().own, { ip: '198.51.100.1', prefixLength: 24 }]
  t.equal(addressTowards(ASKER, place({ own })), '198.51.100.1')
})

t.test('behind a 1:1 NAT it is what the config says, or what clients have dialled', async t => {
  const dialled = { 4: '198.51.100.7', 6: undefined }
  t.equal(addressTowards(ASKER, place({ dialled })), '198.51.100.7')
  t.equal(addressTowards(ASKER, place({ dialled, publicAddr: '198.51.100.8' })), '198.51.100.8')
  t.equal(addressTowards(ASKER, place()), '172.31.5.9', 'nobody knows: a router may lead there')
})

t.test('a bound address is the only one', async t => {
  t.equal(addressTowards(ASKER, place({ bindAddr: '198.51.100.3' })), '198.51.100.3')
})

t.test('an asker gets no address of the other IP version', async t => {
  t.equal(addressTowards('2001:db8::1', place({ publicAddr: '198.51.100.8' })), undefined)
  const own = [...place().own, { ip: '2a00:1450::5', prefixLength: 64 }]
  t.equal(addressTowards('2001:db8::1', place({ own })), '2a00:1450::5')
})
