// Bounds V8's space for new objects, which otherwise grows to 32 MB in any process that is not idle
// (128 MB on Node 24) and stays: more than all that a tunnel keeps. With 8 MB, packets cost the
// same, because hardly any object of theirs outlives a collection.

import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

const BOUND_BYTES = 8 << 20
const LOOK_EVERY_MS = 200

/** Versions whose flag was tried (Node 20, 22, 24): V8 complains of flags that it does not know. */
const KNOWN_V8 = { oldest: 11, newest: 13 }

/** Lets the space grow to the bound and no further. For the life of the process. */
export function boundYoungHeap(): void {
  const major = Number.parseInt(process.versions.v8, 10)
  if (!(major >= KNOWN_V8.oldest && major <= KNOWN_V8.newest)) return
  const timer = setInterval(() => {
    if (youngHeapBytes() < BOUND_BYTES) return
    clearInterval(timer)
    setFlagsFromString('--semi-space-growth-factor=1')
  }, LOOK_EVERY_MS)
  timer.unref()
}

function youngHeapBytes(): number {
  return getHeapSpaceStatistics().find(space => space.space_name === 'new_space')?.space_size ?? 0
}
