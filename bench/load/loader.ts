// The bench's end of the load: the processes that play the users, and those that are the services
// behind the tunnel. Outside the lab they are the same ones, so that they share what they cost.

import type { Role, Site } from '../site.ts'
import type { LoadRequest, LoadResults, ServicePorts } from './messages.ts'
import { LoadSide } from './side.ts'

export interface LoaderOptions {
  readonly site: Site
  /** The host of the services (Peer.servicesAt); the users are always on the host `user`. */
  readonly servicesAt: Role
}

export class Loader {
  /** For requests to the services: `limitSource`, `sourceBytes`, or flows that begin at them. */
  readonly services: LoadSide
  readonly #user: LoadSide

  private constructor(user: LoadSide, services: LoadSide) {
    this.#user = user
    this.services = services
  }

  /** Rejects when a process does not start or a port cannot be opened. */
  static async start({ site, servicesAt }: LoaderOptions): Promise<Loader> {
    if (site.kind !== 'lab') {
      const both = await LoadSide.start({ site, role: 'user' })
      return new Loader(both, both)
    }
    const sides = await Promise.allSettled([
      LoadSide.start({ site, role: 'user' }),
      LoadSide.start({ site, role: servicesAt }),
    ])
    const [user, services] = sides
    if (user.status === 'fulfilled' && services.status === 'fulfilled') {
      return new Loader(user.value, services.value)
    }
    for (const side of sides) if (side.status === 'fulfilled') side.value.close()
    throw sides.find(side => side.status === 'rejected')?.reason
  }

  /** Where the services listen, on their own host. */
  get ports(): ServicePorts {
    return this.services.ports
  }

  /** Asks the users. */
  ask<Type extends LoadRequest['type']>(
    request: Extract<LoadRequest, { type: Type }>,
  ): Promise<LoadResults[Type]> {
    return this.#user.ask(request)
  }

  close(): void {
    this.#user.close()
    this.services.close()
  }
}
