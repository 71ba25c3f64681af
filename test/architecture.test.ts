// Who may import whom, and what stays out of certain files (ARCHITECTURE.md draws it). The tables
// here are the rule: whoever changes one changes the architecture.

import t from 'tap'
import { readSources, type Import, type Source } from './support/sources.ts'

/** Files that stand for themselves; any other file belongs to its folder. */
const KERNEL = ['errors', 'clock', 'log', 'address', 'interfaces', 'version']
const SEAM = 'lib/transport/transport.ts'

/**
 * From the bottom to the top: a part may import those that it names and nothing else. `kernel` may
 * be imported by all. `seam` is the interfaces of a transport (types only).
 */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  seam: [],
  // Pure, and small shells around Node's streams.
  'lib/wire': ['seam'],
  'lib/mux': ['seam'],
  'lib/config': [],
  'lib/control': ['lib/wire'],
  'lib/stream': ['lib/wire'],
  'lib/e2e': ['lib/stream', 'lib/wire'],
  // I/O. quic lends its bytes to a splice, hence one file of lib/stream.
  'lib/udp': [],
  'lib/quic': ['lib/udp', 'lib/stream/direct.ts', 'seam'],
  'lib/kcp': ['lib/control', 'lib/udp'],
  'lib/transport': ['lib/kcp', 'lib/mux', 'lib/quic', 'lib/udp', 'seam'],
  // Packets over a session: QUIC datagrams, frames of a stream, or frp's messages.
  'lib/datagram': ['lib/stream', 'lib/wire', 'seam'],
  // Ways between two machines behind NATs: machines and codecs.
  'nat/stun': [],
  nat: ['nat/stun'],
  // frp's own hole punching, for each of its three places.
  'lib/nathole': [
    'lib/control',
    'lib/kcp',
    'lib/transport',
    'lib/udp',
    'lib/wire',
    'nat',
    'nat/stun',
    'seam',
  ],
  // One QUIC connection between two clients, over whatever route.
  'lib/peer': [
    'lib/control',
    'lib/datagram',
    'lib/e2e',
    'lib/quic',
    'lib/stream',
    'lib/transport',
    'lib/udp',
    'lib/wire',
    'nat',
    'nat/stun',
    'seam',
  ],
  // Features are handed a host; they know neither side.
  'lib/proxy': [
    'lib/config',
    'lib/datagram',
    'lib/e2e',
    'lib/nathole',
    'lib/peer',
    'lib/stream',
    'lib/udp',
    'lib/wire',
    'seam',
  ],
  'lib/visitor': [
    'lib/config',
    'lib/control',
    'lib/datagram',
    'lib/e2e',
    'lib/nathole',
    'lib/peer',
    'lib/proxy',
    'lib/stream',
    'lib/udp',
    'lib/wire',
    'seam',
  ],
  'lib/bench': ['lib/control', 'lib/datagram', 'lib/stream', 'lib/wire', 'seam'],
  // The two sides never see each other. A transport is loaded by one file of each side.
  'lib/server': [
    'lib/bench',
    'lib/config',
    'lib/control',
    'lib/datagram',
    'lib/e2e',
    'lib/nathole',
    'lib/proxy',
    'lib/stream',
    'lib/udp',
    'lib/wire',
    'nat',
    'nat/stun',
    'seam',
  ],
  'lib/client': [
    'lib/bench',
    'lib/config',
    'lib/control',
    'lib/datagram',
    'lib/nathole',
    'lib/peer',
    'lib/proxy',
    'lib/visitor',
    'lib/wire',
    'seam',
  ],
  'lib/index.ts': ['lib/bench', 'lib/client', 'lib/config', 'lib/peer', 'lib/server', 'seam'],
  // Edges.
  // The lab knows nothing of the tunnel; its models, which the tests' simulator shares, of no I/O.
  'bench/lab/model': [],
  'bench/lab': ['bench/lab/model'],
  bench: ['bench/lab', 'lib/index.ts', 'lib/config'],
  // `frpc bench` loads the bench by its face.
  cli: ['bench', 'lib/index.ts', 'lib/config'],
}

/** The only files that load what stands behind the seam, with `import()`. */
const TRANSPORT_LOADERS = ['lib/server/network.ts', 'lib/client/dialers.ts']

/** A folder with an index.ts shows others nothing but that; with these exceptions. */
const BESIDE_THE_FACE = [
  'lib/udp/libc.ts', // quic tunes malloc through the same binding of libc
  'lib/udp/socket.ts', // types
  'bench/lab/syscalls.ts', // the load's priority beside the lab's router
]

/**
 * Each package is imported by one file of a program; the big and the native ones when they are
 * needed. The lab is no part of the tunnel and calls other functions of the C library.
 */
const PACKAGES: Readonly<Record<string, { readonly file: string; readonly isLazy: boolean }>> = {
  '@matrixai/quic/native/quiche.js': { file: 'lib/quic/binding.ts', isLazy: true },
  koffi: { file: 'lib/udp/libc.ts', isLazy: true },
  // Its codec without its sockets; there is no one file of the package that has only that.
  'stun/src/node_modules/lib/create-message.js': { file: 'nat/stun/codec.ts', isLazy: false },
  'stun/src/node_modules/message/decode.js': { file: 'nat/stun/codec.ts', isLazy: false },
  'stun/src/node_modules/message/encode.js': { file: 'nat/stun/codec.ts', isLazy: false },
  selfsigned: { file: 'lib/transport/certificate.ts', isLazy: true },
  yaml: { file: 'lib/config/yaml.ts', isLazy: true },
  'smol-toml': { file: 'lib/config/toml.ts', isLazy: false },
  commander: { file: 'cli/commands.ts', isLazy: false },
  pino: { file: 'cli/log/logger.ts', isLazy: false },
}

const KOFFI_OF_THE_LAB = 'bench/lab/syscalls.ts'

/** What a machine must be given: time, chance, and the outside. */
const NOT_SANS_IO = [
  'Date.now',
  'Date',
  'Math.random',
  'performance',
  'process',
  'queueMicrotask',
  'randomBytes',
  'setImmediate',
  'setInterval',
  'setTimeout',
]

/** What a machine may import. Of crypto it is ciphers and hashes; chance is given, as time is. */
const PURE = ['lib/', 'nat/', 'bench/lab/model/', 'node:crypto']

const sources = readSources(['lib', 'cli', 'nat', 'bench', 'test'])
const product = sources.filter(({ path }) => !path.startsWith('test/'))
const byPath = new Map(sources.map(source => [source.path, source]))

function partOf(path: string): string {
  if (path === SEAM) return 'seam'
  if (path === 'lib/index.ts') return path
  const [top = '', second = '', ...rest] = path.split('/')
  if (`${path}/`.startsWith('bench/lab/model/')) return 'bench/lab/model'
  if (`${path}/`.startsWith('bench/lab/')) return 'bench/lab'
  if (`${path}/`.startsWith('nat/stun/')) return 'nat/stun'
  if (top !== 'lib') return top
  const isKernel = rest.length === 0 && KERNEL.includes(second.replace('.ts', ''))
  return isKernel ? 'kernel' : `lib/${second}`
}

function at({ path }: Source, { line }: Import): string {
  return `${path}:${line}`
}

function relative({ imports }: Source): Import[] {
  return imports.filter(({ isRelative }) => isRelative)
}

t.test('every file belongs to a layer of the table', async t => {
  t.strictSame(
    product.filter(({ path }) => !(partOf(path) in LAYERS)).map(({ path }) => path),
    [],
  )
})

t.test('a part imports only what its line of the table names', async t => {
  const wrong: string[] = []
  for (const source of product) {
    const part = partOf(source.path)
    const allowed = [part, 'kernel', ...(LAYERS[part] ?? [])]
    for (const one of relative(source)) {
      const isLoader = one.isDynamic && TRANSPORT_LOADERS.includes(source.path)
      if (isLoader && partOf(one.to) === 'lib/transport') continue
      if (allowed.includes(partOf(one.to)) || allowed.includes(one.to)) continue
      wrong.push(`${at(source, one)} imports ${one.to}`)
    }
  }
  t.strictSame(wrong, [])
})

t.test('the table has no cycle, and its lines stand above what they name', async t => {
  const order = Object.keys(LAYERS)
  for (const [part, needs] of Object.entries(LAYERS)) {
    for (const need of needs) {
      const name = partOf(need)
      t.ok(order.indexOf(name) < order.indexOf(part), `${name} stands below ${part}`)
    }
  }
})

t.test('the command line sees of the kernel only the version and types', async t => {
  const wrong = product
    .filter(({ path }) => path.startsWith('cli/') || path.startsWith('bench/'))
    .flatMap(source =>
      relative(source)
        .filter(({ to, isTypeOnly }) => partOf(to) === 'kernel' && !isTypeOnly)
        .filter(({ to }) => to !== 'lib/version.ts')
        .map(one => `${at(source, one)} imports ${one.to}`),
    )
  t.strictSame(wrong, [])
})

t.test('a folder is entered by its face', async t => {
  const wrong: string[] = []
  for (const source of product) {
    for (const one of relative(source)) {
      const folder = partOf(one.to)
      const face = `${folder}/index.ts`
      if (folder === partOf(source.path) || !byPath.has(face) || one.to === face) continue
      if (BESIDE_THE_FACE.includes(one.to)) continue
      wrong.push(`${at(source, one)} imports ${one.to}, not ${face}`)
    }
  }
  t.strictSame(wrong, [])
})

t.test('the seam is interfaces only', async t => {
  const wrong = product.flatMap(source =>
    relative(source)
      .filter(({ to, isTypeOnly }) => to === SEAM && !isTypeOnly)
      .map(one => at(source, one)),
  )
  t.strictSame(wrong, [])
})

t.test('a file that calls itself Sans-IO has no clock, no chance and no I/O', async t => {
  const machines = product.filter(({ text }) => /^(\/\/.*\n)*\/\/.*\bSans-IO\b/.test(text))
  t.ok(machines.length > 15, `${machines.length} machines`)
  for (const { path, imports, names } of machines) {
    const outside = imports
      .filter(({ to }) => !PURE.some(start => to.startsWith(start)))
      .map(({ to }) => to)
    const shells = imports
      .filter(({ to }) => to === 'lib/clock.ts' || to.startsWith('lib/udp/'))
      .map(({ to }) => to)
    const used = NOT_SANS_IO.filter(name => names.has(name))
    t.strictSame([...outside, ...shells, ...used], [], path)
  }
})

t.test('each package has one place, and the heavy ones are loaded when needed', async t => {
  const seen = new Set<string>()
  for (const source of product) {
    for (const one of source.imports) {
      if (one.isRelative || one.to.startsWith('node:')) continue
      seen.add(one.to)
      const place = PACKAGES[one.to]
      t.equal(source.path, place?.file, `${at(source, one)} imports ${one.to}`)
      if (place?.isLazy) t.ok(one.isDynamic || one.isTypeOnly, `${one.to} is loaded lazily`)
    }
    // It comes through require, which is not an import.
    if (source.strings.has('koffi')) {
      seen.add('koffi')
      const files = [PACKAGES['koffi']?.file, KOFFI_OF_THE_LAB]
      t.ok(files.includes(source.path), `${source.path} names koffi`)
    }
  }
  t.strictSame([...seen].sort(), Object.keys(PACKAGES).sort())
})

t.test('frpc --version loads nothing that it does not print', async t => {
  for (const program of ['cli/frps.ts', 'cli/frpc.ts']) {
    const loaded = new Set<string>()
    const load = (path: string): void => {
      if (loaded.has(path)) return
      loaded.add(path)
      for (const { to, isTypeOnly, isDynamic } of byPath.get(path)?.imports ?? []) {
        if (!isTypeOnly && !isDynamic) load(to)
      }
    }
    load(program)
    const heavy = [...loaded].filter(path => !path.startsWith('cli/') && path !== 'lib/version.ts')
    t.strictSame(heavy, [], program)
  }
})

t.test('no any, no non-null assertion, no enum, no default export, nothing left to do', async t => {
  // Put together, so that this file does not find itself.
  const leftover = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|')})\\b`)
  for (const { path, faults, text } of sources) {
    if (faults.length > 0) t.strictSame(faults, [], path)
    if (leftover.test(text)) t.fail(`${path} has something left to do`)
  }
  t.pass(`${sources.length} files`)
})
