import t from 'tap'
import { loadOptions, outcome } from './outcome.ts'
import { verifyCases } from './verify-cases.ts'

t.test('every configuration of the table is accepted or refused with its words', async t => {
  for (const { side, file, text, accepts, says = [], isLenient = false } of verifyCases) {
    const title = `${side} ${file}: ${JSON.stringify(text.slice(0, 90))}`
    const { refusal } = await outcome(side, text, file, { ...loadOptions, strict: !isLenient })
    if (accepts) {
      t.equal(refusal, undefined, title)
      continue
    }
    for (const words of ['[CONFIG_INVALID]', ...says]) {
      t.ok(refusal?.includes(words), `${title} says ${words}`, { refusal, words })
    }
  }
})
