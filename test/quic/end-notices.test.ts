import t from 'tap'
import { ABORTED, EndNoticeReader, encodeEndNotice } from '../../lib/quic/end-notices.ts'

const notices = [
  { streamId: 4, length: 0 },
  { streamId: 400_001, length: 5_000_000_000 },
  { streamId: 8, length: ABORTED },
]

t.test('notices survive any cut', async t => {
  const bytes = Buffer.concat(notices.map(notice => encodeEndNotice(notice)))
  for (let cut = 0; cut <= bytes.length; cut++) {
    const reader = new EndNoticeReader()
    t.strictSame(
      [...reader.push(bytes.subarray(0, cut)), ...reader.push(bytes.subarray(cut))],
      notices,
    )
  }
})
