// From the flags of `frpc doctor` and `frpc nathole discover` to what is to be looked at: a config
// file where one is named, and what the flags change of it.

import {
  type ClientConfig,
  clientConfigFromValues,
  loadClientConfig,
  Secret,
} from '../lib/config/index.ts'
import { loadOptions, type StartFlags } from './options.ts'

/** Flags of both commands. */
export interface ExamineFlags extends StartFlags {
  readonly natHoleStunServer?: string
  readonly natHoleLocalAddr?: string
  readonly json: boolean
}

export interface DoctorFlags extends ExamineFlags {
  readonly serverAddr?: string
  readonly serverPort?: number
  readonly token?: string
}

export interface ExamineSetup {
  readonly config: ClientConfig
  /** A server was named, by the file or a flag. */
  readonly hasServer: boolean
}

/** Throws CONFIG_INVALID. */
export async function doctorSetup(flags: DoctorFlags): Promise<ExamineSetup> {
  const { serverAddr, serverPort, token, natHoleStunServer } = flags
  if (flags.config === '') {
    const common = {
      ...(serverAddr !== undefined && { serverAddr }),
      ...(serverPort !== undefined && { serverPort }),
      ...(natHoleStunServer !== undefined && { natHoleStunServer }),
      auth: { token: token ?? '' },
    }
    const { config } = clientConfigFromValues({ common })
    return { config, hasServer: serverAddr !== undefined }
  }
  const loaded = await loadClientConfig(flags.config, loadOptions(flags, process.env))
  const { auth } = loaded.config
  const config: ClientConfig = {
    ...loaded.config,
    ...(serverAddr !== undefined && { serverAddr }),
    ...(serverPort !== undefined && { serverPort }),
    ...(natHoleStunServer !== undefined && { natHoleStunServer }),
    ...(token !== undefined && { auth: { ...auth, token: new Secret(token) } }),
  }
  // The default is no address of a server.
  return { config, hasServer: config.serverAddr !== '0.0.0.0' }
}

/** As frp: a file that cannot be read is the same as none. */
export async function natHoleSetup(flags: ExamineFlags): Promise<ExamineSetup> {
  try {
    if (flags.config !== '') return await doctorSetup(flags)
  } catch {
    // The flags may say enough.
  }
  return doctorSetup({ ...flags, config: '' })
}

/** `ip:port` of -l; undefined for any. Throws an Error with a text for people. */
export function bindAddressOf(text: string | undefined): { ip: string; port: number } | undefined {
  if (text === undefined || text === '') return undefined
  const [, ip = '', port = ''] = /^(?:\[?([\da-fA-F.:]*?)\]?):(\d{1,5})$/.exec(text) ?? []
  if (port === '' || Number(port) > 65_535) {
    throw new Error(`nat_hole_local_addr should be ip:port, such as 0.0.0.0:40000, not "${text}"`)
  }
  return { ip: ip === '' ? '0.0.0.0' : ip, port: Number(port) }
}
