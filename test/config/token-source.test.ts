import { join } from 'node:path'
import t from 'tap'
import { parseClientConfig, parseServerConfig } from '../../lib/config/index.ts'
import { loadOptions } from './outcome.ts'

const resolving = { ...loadOptions, resolveSources: true }
const allowed = { ...resolving, allowUnsafe: ['TokenSourceExec'] }

function fromFile(path: string): string {
  return JSON.stringify({ auth: { tokenSource: { type: 'file', file: { path } } } })
}

function fromProgram(script: string, env: readonly object[] = []): string {
  const exec = { command: process.execPath, args: ['-e', script], env }
  return JSON.stringify({ auth: { tokenSource: { type: 'exec', exec } } })
}

t.test('a token comes from a file, without the white space around it', async t => {
  const folder = t.testdir({ token: ' sesame\n' })
  const { config } = await parseServerConfig(fromFile(join(folder, 'token')), 'frps', resolving)
  t.equal(config.auth.token.reveal(), 'sesame')
})

t.test('a token comes from a program that was allowed', async t => {
  const script = 'console.log(process.env.WORD)'
  const text = fromProgram(script, [{ name: 'WORD', value: 'sesame' }])
  const { config } = await parseClientConfig(text, 'frpc', allowed)
  t.equal(config.auth.token.reveal(), 'sesame')
  await t.rejects(parseClientConfig(text, 'frpc', resolving), {
    message: /unsafe feature "TokenSourceExec" is not enabled/,
  })
})

t.test("a source that fails stops the load in frp's words", async t => {
  await t.rejects(parseServerConfig(fromFile('/nowhere/token'), 'frps', resolving), {
    code: 'CONFIG_INVALID',
    message: /failed to resolve auth\.tokenSource: failed to read file \/nowhere\/token/,
  })
  const failing = fromProgram('console.error("hunter2"); process.exit(3)')
  await t.rejects(parseServerConfig(failing, 'frps', allowed), {
    message: /failed to execute command .*: exit status 3 \[CONFIG_INVALID\]$/,
  })
})

t.test('verify does not read sources', async t => {
  await t.resolves(parseServerConfig(fromFile('/nowhere/token'), 'frps', loadOptions))
})
