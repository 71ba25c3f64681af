// The options of client plugins and of the one visitor plugin, chosen by their `type`
// (frp-surface.md section 3.11).

import { isRecord, SyntaxProblem } from './document.ts'
import type { IniSection } from './ini.ts'
import { fromSection } from './ini-values.ts'
import type { Site } from './problems.ts'
import {
  constant,
  decodeTable,
  flag,
  map,
  object,
  secret,
  text,
  type Check,
  type IniSource,
  type Key,
  type Table,
} from './schema.ts'
import type { ClientPluginConfig, HeaderOperations, VisitorPluginConfig } from './types.ts'

/** The plugins that an INI file can name; frpc crashes on others there, we refuse them. */
const INI_PLUGINS = [
  'http_proxy',
  'socks5',
  'static_file',
  'unix_domain_socket',
  'http2https',
  'https2http',
  'https2https',
]

type PluginType = ClientPluginConfig['type']
type PluginTables = {
  readonly [T in PluginType]: Table<Extract<ClientPluginConfig, { readonly type: T }>>
}

/** INI options of a plugin are `plugin_X` and not inherited by child sections. */
function own(name: string): IniSource {
  return section => section.own(`plugin_${name}`)
}

function required(type: PluginType, name: string): Check<string> {
  return value => (value === '' ? `plugin ${type}: ${name} is required` : undefined)
}

const headers: Key<HeaderOperations> = object({
  set: map({ ini: section => Object.fromEntries(section.family('plugin_header_')) }),
})

const bridge = {
  hostHeaderRewrite: text('', { ini: own('host_header_rewrite') }),
  requestHeaders: headers,
}

const files = {
  crtPath: text('', { ini: own('crt_path') }),
  keyPath: text('', { ini: own('key_path') }),
}

function localAddr(type: PluginType): Key<string> {
  return text('', { ini: own('local_addr'), check: required(type, 'localAddr') })
}

const login = {
  httpUser: text('', { ini: own('http_user') }),
  httpPassword: secret({ ini: own('http_passwd') }),
}

export const pluginTables: PluginTables = {
  http_proxy: { type: constant('http_proxy'), ...login },
  socks5: {
    type: constant('socks5'),
    username: text('', { ini: own('user') }),
    password: secret({ ini: own('passwd') }),
  },
  static_file: {
    type: constant('static_file'),
    localPath: text('', {
      ini: own('local_path'),
      check: required('static_file', 'localPath'),
    }),
    stripPrefix: text('', { ini: own('strip_prefix') }),
    ...login,
  },
  unix_domain_socket: {
    type: constant('unix_domain_socket'),
    unixPath: text('', {
      ini: own('unix_path'),
      check: required('unix_domain_socket', 'unixPath'),
    }),
  },
  http2https: { type: constant('http2https'), localAddr: localAddr('http2https'), ...bridge },
  http2http: { type: constant('http2http'), localAddr: text(''), ...bridge },
  https2http: {
    type: constant('https2http'),
    localAddr: localAddr('https2http'),
    ...bridge,
    enableHTTP2: flag(true),
    ...files,
  },
  https2https: {
    type: constant('https2https'),
    localAddr: localAddr('https2https'),
    ...bridge,
    enableHTTP2: flag(true),
    ...files,
  },
  tls2raw: { type: constant('tls2raw'), localAddr: localAddr('tls2raw'), ...files },
  virtual_net: { type: constant('virtual_net') },
}

export const clientPluginKey: Key<ClientPluginConfig | undefined> = {
  ini: pluginFromSection,
  fromIni: () => undefined,
  decode(raw, site) {
    const type = pluginType(raw, site, 'plugin type')
    if (type === undefined) return undefined
    if (!isPluginType(type)) {
      site.at('type').fail(`unknown plugin type: ${type}`)
      return undefined
    }
    return decodeTable<ClientPluginConfig>(pluginTables[type], raw, site)
  },
}

export const visitorPluginKey: Key<VisitorPluginConfig | undefined> = {
  ini: undefined,
  fromIni: () => undefined,
  decode(raw, site) {
    const type = pluginType(raw, site, 'visitor plugin type')
    if (type === undefined) return undefined
    if (type !== 'virtual_net') {
      site.at('type').fail(`unknown visitor plugin type: ${type}`)
      return undefined
    }
    return decodeTable({ type: constant(type), destinationIP: text('') }, raw, site)
  },
}

function isPluginType(type: string): type is PluginType {
  return Object.hasOwn(pluginTables, type)
}

function pluginType(raw: unknown, site: Site, what: string): string | undefined {
  if (raw === undefined || raw === null) return undefined
  const type = isRecord(raw) ? typeField(raw) : undefined
  if (typeof type === 'string' && type !== '') return type
  site.fail(`${what} is empty`)
  return undefined
}

/** The discriminator; its name matches without regard to case as all names do. */
export function typeField(raw: Readonly<Record<string, unknown>>): unknown {
  return Object.entries(raw).findLast(([name]) => name.toLowerCase() === 'type')?.[1]
}

function pluginFromSection(section: IniSection): unknown {
  const type = section.get('plugin')
  if (type === undefined || type === '') return undefined
  if (!INI_PLUGINS.includes(type) || !isPluginType(type)) {
    throw new SyntaxProblem(
      `proxy ${section.name}: plugin [${type}] cannot be used in an INI file, optional values are ` +
        `[${INI_PLUGINS.join(' ')}]`,
      section.lineOf('plugin'),
    )
  }
  return { ...fromSection(pluginTables[type], section).value, type }
}
