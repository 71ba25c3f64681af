// What follows from the times that a user saw.

import t from 'tap'
import { answeredMs, directMs, firstByteMs, longestGapMs, relayMs } from '../../bench/nat/attempt.ts'
import type { EchoAnswer } from '../../bench/nat/traffic.ts'

/** Relayed at first, one message lost for good, direct from 1,030 on, a stall, direct again. */
const SEEN: EchoAnswer = {
  startedAt: 1000,
  sentAt: [1001, 1010, 1020, 1030, 1040, 1450],
  roundTripMs: [62, 60, null, 41, 400, 40],
}

t.test('the first byte counts from the moment when the connection was asked for', async t => {
  t.equal(firstByteMs(SEEN), 63)
  t.equal(firstByteMs({ ...SEEN, sentAt: [], roundTripMs: [] }), undefined)
  t.equal(firstByteMs({ ...SEEN, sentAt: [1001], roundTripMs: [null] }), undefined)
})

t.test('the relay takes what its messages took, without the first and those that were lost', async t => {
  t.equal(relayMs(SEEN, 50), 230)
  t.equal(relayMs({ ...SEEN, roundTripMs: [62, 40, null, 41, 40, 40] }, 50), undefined)
})

t.test('direct is from the first message on that came back too soon for the server', async t => {
  t.equal(directMs(SEEN, SEEN.startedAt, 50), 30)
  t.equal(directMs(SEEN, 1035, 50), 415)
  t.equal(directMs(SEEN, SEEN.startedAt, 30), undefined)
})

t.test('traffic after a change is the first answer to what was sent after it', async t => {
  t.equal(answeredMs(SEEN, 1015), 1071 - 1015)
  t.equal(answeredMs(SEEN, 1035), 1440 - 1035)
  t.equal(answeredMs(SEEN, 1451), undefined)
})

t.test('the longest gap ends with the last message at the latest', async t => {
  t.equal(longestGapMs(SEEN, 1000), 1440 - 1071)
  const silent = { startedAt: 0, sentAt: [10, 20, 900], roundTripMs: [40, null, null] }
  t.equal(longestGapMs(silent, 0), 850)
})
