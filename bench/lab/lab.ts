// A lab: one network namespace for each host, and between them the router that plays the network of
// a spec. This file is the shell: what is opened in which order, and that all of it goes again.

import { onWayOut, removeStaleLabs } from './cleanup.ts'
import { configure, deviceInput, namespacesFor, readdress } from './hosts.ts'
import type { Namespace } from './hosts.ts'
import type { Addresses, LabStats } from './messages.ts'
import { Network } from './model/network.ts'
import type { Move } from './model/network.ts'
import { seededRandom } from './model/random.ts'
import type { LinkPair, NatOptions, NetworkSpec } from './model/spec.ts'
import { commandIn, ip, removeNamespaces } from './namespaces.ts'
import { labSupport } from './support.ts'
import { RouterProcess } from './router-process.ts'

export interface LabOptions {
  /** Of the model's chance (loss, jitter, NAT ports). Default 1: the same in each lab. */
  readonly seed?: number
  /** MTU of the hosts' devices, 1,280 to 65,535. Default 1,500. A link's own `mtu` can be less. */
  readonly mtuBytes?: number
  /**
   * Hosts that live in the namespace of another one: `{ open: 'client' }` gives the machine
   * `client` a second address, whose packets take the way of the host `open`. Programs get the
   * address of the namespace's own host unless they bind another one.
   */
  readonly together?: Readonly<Record<string, string>>
}

export interface LabHost {
  /** Name of the network namespace, as `ip netns` knows it. */
  readonly netns: string
  readonly ip: string
  readonly ip6?: string
  readonly prefix?: number
}

export type LabEnd =
  | { readonly type: 'closed' }
  /** The router failed; nothing passes any more, and the lab still wants `close()`. */
  | { readonly type: 'failed'; readonly error: Error }

/** Requests reject with the model's words when it refuses them, and when the lab has ended. */
export interface Lab {
  /** As they are now: a host that moved has its new address. */
  readonly hosts: ReadonlyMap<string, LabHost>
  /** Does not keep the process alive, as the lab itself. */
  readonly closed: Promise<LabEnd>
  /**
   * Program and arguments that start `argv` in a host's namespace: what `spawn` takes. The process
   * that is started becomes the program. RangeError when there is no such host.
   */
  command(host: string, argv: readonly string[]): [string, string[]]
  /** Replaces the options of a host's or box's uplink; a direction not given stays as it is. */
  setLink(name: string, pair: Partial<LinkPair>): Promise<void>
  /** New behaviour for a NAT box, whose mappings are forgotten. */
  setNat(box: string, options: NatOptions): Promise<void>
  /** The NAT box forgets its mappings: everybody behind it rebinds. */
  resetNat(box: string): Promise<void>
  /**
   * Ends or restores the way between two hosts or boxes below the same box (or the internet); both
   * still reach all others, and are reached.
   */
  setCut(one: string, other: string, isCut: boolean): Promise<void>
  /**
   * Another address, without a moment with none. The host stays behind its box unless `to` has the
   * key `behind`; undefined there is the internet.
   */
  moveHost(host: string, to: Move): Promise<void>
  stats(): Promise<LabStats>
  /** Ends with SIGKILL what still runs in the namespaces, and removes them. Safe to call twice. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const MTU_BYTES = 1500

/** Labs that this process has opened, for their names. */
let labCount = 0

/**
 * Opens a lab, after removing what killed processes left of theirs. Rejects with one line where
 * the machine cannot have one, and with a RangeError that names what is wrong with the spec. The
 * lab ends with the process, too: on exit, SIGINT, SIGTERM and SIGHUP; it does not keep it alive.
 */
export async function openLab(spec: NetworkSpec, options: LabOptions = {}): Promise<Lab> {
  const support = labSupport()
  if (support !== true) throw new Error(support)
  const seed = options.seed ?? 1
  // What is wrong with the spec shall be known before anything is made.
  new Network(spec, { random: seededRandom(seed) })
  labCount += 1
  const namespaces = namespacesFor(labCount, spec.hosts, options.together ?? {})
  removeStaleLabs()

  const names = namespaces.map(({ name }) => name)
  let router: RouterProcess | undefined
  const release = onWayOut(() => {
    router?.kill()
    removeNamespaces(names)
  })
  const clear = async (): Promise<void> => {
    await router?.close()
    removeNamespaces(names)
    release()
  }
  try {
    await ip(names.map(name => `netns add ${name}`))
    router = await RouterProcess.open({ spec, seed, devices: namespaces.map(deviceInput) })
    const mtuBytes = options.mtuBytes ?? MTU_BYTES
    await Promise.all(namespaces.map(namespace => configure(namespace, mtuBytes)))
    return new OpenLab(namespaces, router, clear)
  } catch (error) {
    await clear()
    // When the router fails its devices go, and what follows fails of that.
    throw (await router?.ended) ?? error
  }
}

class OpenLab implements Lab {
  readonly closed: Promise<LabEnd>
  readonly #hosts = new Map<string, LabHost>()
  readonly #homes = new Map<string, Namespace>()
  readonly #router: RouterProcess
  readonly #clear: () => Promise<void>
  #closing: Promise<void> | undefined

  constructor(
    namespaces: readonly Namespace[],
    router: RouterProcess,
    clear: () => Promise<void>,
  ) {
    for (const namespace of namespaces) {
      for (const host of namespace.hosts) {
        this.#homes.set(host.name, namespace)
        this.#hosts.set(host.name, hostAt(namespace.name, host))
      }
    }
    this.#router = router
    this.#clear = clear
    this.closed = router.ended.then(error =>
      error === undefined ? { type: 'closed' } : { type: 'failed', error },
    )
  }

  get hosts(): ReadonlyMap<string, LabHost> {
    return this.#hosts
  }

  command(host: string, argv: readonly string[]): [string, string[]] {
    return commandIn(this.#home(host).name, argv)
  }

  async setLink(name: string, pair: Partial<LinkPair>): Promise<void> {
    await this.#router.request({ type: 'setLink', name, pair })
  }

  async setNat(box: string, options: NatOptions): Promise<void> {
    await this.#router.request({ type: 'setNat', name: box, options })
  }

  async resetNat(box: string): Promise<void> {
    await this.#router.request({ type: 'resetNat', name: box })
  }

  async setCut(one: string, other: string, isCut: boolean): Promise<void> {
    await this.#router.request({ type: 'setCut', one, other, isCut })
  }

  async moveHost(host: string, to: Move): Promise<void> {
    const home = this.#home(host)
    const from = this.#hosts.get(host)
    if (from === undefined) return
    // The network first: it refuses an address that cannot be, and then nothing has changed.
    await this.#router.request({ type: 'moveHost', name: host, to })
    await readdress(home, host, { from, to })
    this.#hosts.set(host, hostAt(home.name, to))
  }

  async stats(): Promise<LabStats> {
    const stats = await this.#router.request({ type: 'stats' })
    if (stats === undefined) throw new Error('the router sent no stats')
    return stats
  }

  close(): Promise<void> {
    this.#closing ??= this.#clear()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #home(host: string): Namespace {
    const home = this.#homes.get(host)
    if (home === undefined) throw new RangeError(`the lab has no host "${host}"`)
    return home
  }
}

function hostAt(netns: string, { ip, ip6, prefix }: Addresses): LabHost {
  return {
    netns,
    ip,
    ...(ip6 !== undefined && { ip6 }),
    ...(prefix !== undefined && { prefix }),
  }
}
