// From what was asked for to what is done: checks every word before anything is started, and says
// in one line what is wrong with one.

import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Goal } from './goals.ts'
import { labSupport } from './lab/index.ts'
import { describeLink, parseLink, roundTripMs, type ParsedLink } from './link-text.ts'
import { choosePeers, serverPeers } from './peers/index.ts'
import type { Peer } from './peers/peer.ts'
import { PRESETS } from './presets.ts'
import type { Note, Place } from './report/types.ts'
import { SCENARIOS } from './scenarios/index.ts'
import type { Scenario } from './scenarios/scenario.ts'
import type { BenchCase } from './session.ts'
import { loopbackSite, openLabSite } from './sites.ts'
import { SUITES, SUITE_LINK, type Suite, type SuiteCase } from './suites.ts'

/** As typed; undefined is what was not given. */
export interface BenchWords {
  /** Of `npm run bench` only. */
  readonly suites?: readonly string[] | undefined
  readonly scenarios?: readonly string[] | undefined
  readonly transports?: readonly string[] | undefined
  /** Folders with a real frps and frpc, or files: rathole. */
  readonly peers?: readonly string[] | undefined
  /** The text of a link. */
  readonly emulate?: string | undefined
  /** A config file of frpc, whose server is measured. */
  readonly config?: string | undefined
  readonly rounds?: number | undefined
  readonly seconds?: string | undefined
  readonly isQuick?: boolean | undefined
  /** Files; `-` for JSON is stdout. */
  readonly json?: string | undefined
  readonly html?: string | undefined
  /** How all this was typed, for the report. */
  readonly command: string
}

export interface BenchPlan {
  readonly cases: readonly BenchCase[]
  readonly rounds: number
  readonly budgetMs: number
  readonly place: Place
  readonly peers: readonly Peer[]
  readonly goals: readonly Goal[]
  readonly notes: readonly Note[]
  readonly measureMs: number
  readonly json: string | undefined
  readonly html: string | undefined
  readonly command: string
}

/** A wrong word: the message is one line for the user. */
export class BenchError extends Error {
  override readonly name = 'BenchError'
}

interface Times {
  readonly measureMs: number
  readonly warmUpMs: number
}

const ROUNDS = 3
/**
 * With its defaults a bench ends within two minutes: rounds are begun as long as they probably fit
 * into this.
 */
const BUDGET_MS = 100_000

const LOOPBACK_TIMES: Times = { measureMs: 3000, warmUpMs: 1000 }
const QUICK_MEASURE_MS = 1000
/** On a link; a stream needs some round trips to find its rate. */
const LINK_MEASURE_MS = 2000
const LINK_WARM_UP_MS = 1500
const WARM_UP_ROUND_TRIPS = 8

/** Throws BenchError, and what peers throw: errors for the user. */
export async function planBench(words: BenchWords, env: NodeJS.ProcessEnv): Promise<BenchPlan> {
  checkTogether(words)
  checkOutput('--json', words.json)
  checkOutput('--html', words.html)
  const measureMs = measureMsOf(words)
  const rounds = roundsOf(words)
  const common = {
    rounds: rounds ?? (words.isQuick === true ? 1 : ROUNDS),
    budgetMs: rounds === undefined ? BUDGET_MS : Infinity,
    json: words.json,
    html: words.html,
    command: words.command,
  }
  if (words.suites !== undefined && words.suites.length > 0) {
    return { ...common, ...suitePlan(words, words.suites, measureMs, env), budgetMs: Infinity }
  }
  if (words.config !== undefined) {
    return { ...common, ...(await serverPlan(words, words.config, measureMs)) }
  }
  const link = words.emulate === undefined ? undefined : parsedLink(words.emulate)
  const kind = link === undefined ? 'loopback' : 'lab'
  if (link !== undefined) checkLab()
  const peers = choosePeers(words, env, kind)
  const scenarios = chooseScenarios(words.scenarios, kind)
  const times = timesOf(link, measureMs)
  return {
    ...common,
    peers,
    goals: [],
    notes: [],
    measureMs: times.measureMs,
    place: placeOf(link),
    cases: [caseOf({ label: undefined, labelText: undefined }, link, { peers, scenarios, times })],
  }
}

/** What can be asked for: scenarios and links. */
export function listLines(): string[] {
  const names = [...SCENARIOS, ...PRESETS].map(({ name }) => name.length)
  const width = Math.max(...names) + 2
  const entry = (name: string, text: string): string => `  ${name.padEnd(width)}${text}`
  return [
    'scenarios (--scenarios; the beginning of a name chooses all that begin so)',
    ...SCENARIOS.map(({ name, title, places }) => {
      return entry(name, `${title} [${places.join(', ')}]`)
    }),
    '',
    'links (--emulate NAME; changes may follow: 4g,loss=1%)',
    ...PRESETS.map(({ name, title, link }) => entry(name, `${title}: ${link}`)),
  ]
}

function suitePlan(
  words: BenchWords,
  names: readonly string[],
  measureMs: number | undefined,
  env: NodeJS.ProcessEnv,
): Omit<BenchPlan, 'rounds' | 'budgetMs' | 'json' | 'html' | 'command'> {
  const suites = names.map(suiteNamed)
  const wanted = suites.flatMap(({ cases }) => cases)
  const support = wanted.some(({ link }) => link !== undefined) ? labSupport() : true
  const possible = wanted.filter(({ link }) => link === undefined || support === true)
  if (possible.length === 0) throw new BenchError(noLab(support))
  const kinds = possible.map(({ link }) => (link === undefined ? 'loopback' : 'lab'))
  const chosen = choosePeers(words, env, 'suite')
  const cases = possible
    .map(one => suiteCase(one, words, chosen, measureMs))
    .filter(({ scenarios }) => scenarios.length > 0)
  if (cases.length === 0) {
    const own = new Set(possible.flatMap(one => suiteScenarios(one).map(({ name }) => name)))
    const where = `in ${names.join(' and ')}, which has ${[...own].join(', ')}`
    throw new BenchError(`--scenarios: there is no "${words.scenarios?.join(',') ?? ''}" ${where}`)
  }
  const peers = chosen.filter(peer => cases.some(one => one.peers.includes(peer)))
  const hasFrp = peers.some(({ name }) => name.startsWith('frp-'))
  return {
    cases,
    place: kinds.includes('lab')
      ? { kind: 'lab', text: `${SUITE_LINK}; figures say their loss`, link: linkOf(SUITE_LINK) }
      : { kind: 'loopback' },
    peers,
    goals: suites.flatMap(suite => suite.goals(hasFrp)),
    notes: support === true ? [] : [`left out: ${noLab(support)}`],
    measureMs: cases[0]?.measureMs ?? 0,
  }
}

function suiteCase(
  one: SuiteCase,
  words: BenchWords,
  peers: readonly Peer[],
  measureMs: number | undefined,
): BenchCase {
  const link = one.link === undefined ? undefined : parseLink(one.link)
  const { scenarios: wanted } = words
  const own = suiteScenarios(one)
  const scenarios = own.filter(({ name }) => wanted === undefined || startsWithAny(name, wanted))
  const times = { measureMs: measureMs ?? one.measureMs, warmUpMs: one.warmUpMs }
  const { extraPeers = [] } = one
  const here = peers.filter(({ name, isExtra }) => isExtra !== true || extraPeers.includes(name))
  return caseOf(one, link, { peers: here, scenarios, times })
}

function suiteScenarios({ link, scenarios }: SuiteCase): readonly Scenario[] {
  return chooseScenarios(scenarios, link === undefined ? 'loopback' : 'lab')
}

function suiteNamed(name: string): Suite {
  const suite = SUITES.find(other => other.name === name)
  if (suite !== undefined) return suite
  const names = SUITES.map(other => other.name).join(', ')
  throw new BenchError(`there is no suite "${name}"; there are ${names}`)
}

async function serverPlan(
  words: BenchWords,
  config: string,
  measureMs: number | undefined,
): Promise<Omit<BenchPlan, 'rounds' | 'budgetMs' | 'json' | 'html' | 'command'>> {
  const { peers, address, notes } = await serverPeers(config, words.transports)
  const scenarios = chooseScenarios(words.scenarios, 'server')
  const measured = measureMs ?? LINK_MEASURE_MS
  const times = { measureMs: measured, warmUpMs: LINK_WARM_UP_MS }
  return {
    peers,
    goals: [],
    notes,
    measureMs: measured,
    place: { kind: 'server', address },
    cases: [
      {
        label: undefined,
        labelText: undefined,
        peers,
        scenarios,
        ...times,
        openSite: () => Promise.resolve(loopbackSite('server')),
      },
    ],
  }
}

function caseOf(
  { label, labelText }: Pick<BenchCase, 'label' | 'labelText'>,
  link: ParsedLink | undefined,
  { peers, scenarios, times }: Pick<BenchCase, 'peers' | 'scenarios'> & { readonly times: Times },
): BenchCase {
  return {
    label,
    labelText,
    peers,
    scenarios,
    ...times,
    openSite: () => {
      return link === undefined
        ? Promise.resolve(loopbackSite('loopback'))
        : openLabSite(link.link)
    },
  }
}

function timesOf(link: ParsedLink | undefined, measureMs: number | undefined): Times {
  if (link === undefined) {
    const measured = measureMs ?? LOOPBACK_TIMES.measureMs
    return { measureMs: measured, warmUpMs: Math.round(measured / 3) }
  }
  const roundTrip = roundTripMs(link.link) + link.link.userRoundTripMs
  return {
    measureMs: measureMs ?? LINK_MEASURE_MS,
    warmUpMs: Math.max(LINK_WARM_UP_MS, roundTrip * WARM_UP_ROUND_TRIPS),
  }
}

function placeOf(link: ParsedLink | undefined): Place {
  if (link === undefined) return { kind: 'loopback' }
  const words = describeLink(link.link)
  const { name } = link
  return name === undefined
    ? { kind: 'lab', text: words, link: link.link }
    : { kind: 'lab', name, text: `${name}: ${words}`, link: link.link }
}

function chooseScenarios(
  wanted: readonly string[] | undefined,
  kind: Place['kind'],
): readonly Scenario[] {
  const here = SCENARIOS.filter(({ places }) => places.includes(kind))
  if (wanted === undefined) return here.filter(({ defaultPlaces }) => defaultPlaces.includes(kind))
  for (const prefix of wanted) {
    if (here.some(({ name }) => startsWithAny(name, [prefix]))) continue
    const elsewhere = SCENARIOS.find(({ name }) => startsWithAny(name, [prefix]))
    const names = here.map(({ name }) => name).join(', ')
    throw new BenchError(
      elsewhere === undefined
        ? `--scenarios: no scenario begins with "${prefix}"; there are ${names}`
        : `--scenarios: "${prefix}" has no meaning ${WHERE[kind]}; there are ${names}`,
    )
  }
  return here.filter(({ name }) => startsWithAny(name, wanted))
}

const WHERE: Readonly<Record<Place['kind'], string>> = {
  loopback: 'without a link (--emulate)',
  lab: 'with --emulate',
  server: 'over a server (-c)',
}

/** A name itself is that scenario alone: `keystroke` leaves `keystroke-loaded` out. */
function startsWithAny(name: string, wanted: readonly string[]): boolean {
  return wanted.some(prefix => {
    const isExact = SCENARIOS.some(scenario => scenario.name === prefix)
    return isExact ? name === prefix : prefix !== '' && name.startsWith(prefix)
  })
}

function parsedLink(text: string): ParsedLink {
  try {
    return parseLink(text)
  } catch (error) {
    throw new BenchError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

function linkOf(text: string): ParsedLink['link'] {
  return parseLink(text).link
}

function checkLab(): void {
  const support = labSupport()
  if (support !== true) throw new BenchError(noLab(support))
}

function noLab(support: true | string): string {
  return `an emulated link is not possible here: ${support === true ? '' : support}`
}

function checkTogether(words: BenchWords): void {
  const isSuite = words.suites !== undefined && words.suites.length > 0
  if (isSuite && words.emulate !== undefined) {
    throw new BenchError('a suite has its own links: leave --emulate out, or the suite')
  }
  if (words.config !== undefined && words.emulate !== undefined) {
    throw new BenchError('-c measures your server and --emulate a link made here: give one of them')
  }
  if (words.config !== undefined && words.peers !== undefined) {
    throw new BenchError('--peer needs a link made here (--emulate) or none: it cannot go with -c')
  }
}

function measureMsOf({ seconds, isQuick }: BenchWords): number | undefined {
  if (seconds === undefined) return isQuick === true ? QUICK_MEASURE_MS : undefined
  const value = Number(seconds)
  if (seconds.trim() !== '' && value >= 0.1 && value <= 600) return value * 1000
  throw new BenchError(`--seconds ${seconds}: this takes a number from 0.1 to 600`)
}

function roundsOf({ rounds }: BenchWords): number | undefined {
  if (rounds === undefined) return undefined
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= 1000) return rounds
  throw new BenchError(`--rounds ${rounds}: this takes a whole number from 1 to 1000`)
}

/** Before minutes are spent on what cannot be written. */
export function checkOutput(flag: string, file: string | undefined): void {
  if (file === undefined || (flag === '--json' && file === '-')) return
  try {
    if (statSync(file, { throwIfNoEntry: false }) === undefined) {
      accessSync(dirname(file), constants.W_OK)
      return
    }
    accessSync(file, constants.W_OK)
    if (!statSync(file).isDirectory()) return
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new BenchError(`${flag} ${file} cannot be written: ${reason}`, { cause: error })
  }
  throw new BenchError(`${flag} ${file} is a folder: name a file`)
}
