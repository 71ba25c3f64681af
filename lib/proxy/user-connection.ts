// Joins a user connection with a work stream: the same for every type whose users speak a byte
// stream.

import { formatAddress } from '../address.ts'
import { errorDetail, TunnelError } from '../errors.ts'
import { layerStream } from '../stream/layers.ts'
import { TokenBucket } from '../stream/limit.ts'
import { splice } from '../stream/splice.ts'
import type { ProxyHost, ProxySpec, UserConnection } from './host.ts'

/**
 * Takes each user connection of one proxy and sees it through to its end. One token bucket serves
 * all of them.
 */
export function userServer(spec: ProxySpec, host: ProxyHost): (user: UserConnection) => void {
  const rate = spec.limitBytesPerSecond
  const bucket = rate > 0 ? new TokenBucket(rate, host.clock.now()) : undefined
  return user => {
    user.stream.on('error', ignore)
    host.log.info(`get a user connection [${formatAddress(user.remote)}]`)
    serve(user, spec, host, bucket).catch((error: unknown) => {
      if (user.visit?.refuse) user.visit.refuse(errorDetail(error))
      else user.stream.destroy()
      if (error instanceof TunnelError && error.code === 'ABORTED') return
      host.log.warn(`failed to get work connection: ${errorDetail(error)}`)
    })
  }
}

async function serve(
  user: UserConnection,
  spec: ProxySpec,
  host: ProxyHost,
  bucket: TokenBucket | undefined,
): Promise<void> {
  const { stream, remote, visit } = user
  const gone = new AbortController()
  const onClose = (): void => gone.abort()
  stream.on('close', onClose)
  const work = await host.openWorkStream(user, { signal: gone.signal })
  stream.off('close', onClose)
  // He can have left in the very moment in which his stream came.
  if (stream.destroyed) {
    work.stream.destroy()
    return
  }
  const finish = host.countConnection(remote)
  const isEndToEnd = visit?.isEndToEnd === true
  const halfClose = work.halfClose && visit?.halfClose !== false
  const plain = layerStream(work.stream, {
    encryptionKey: spec.useEncryption && !isEndToEnd ? host.encryptionKey : undefined,
    compression: spec.useCompression && !isEndToEnd,
    limiter: bucket && { bucket, side: 'plain' },
    clock: host.clock,
  })
  const { aToB, bToA } = await splice(stream, plain, { halfClose })
  finish({ inBytes: aToB, outBytes: bToA })
}

/** The reset of a user is the end of his connection and nothing else; 'close' follows. */
function ignore(): void {}
