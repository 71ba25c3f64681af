// From the words after `nat` to what is done; what is wrong with one is said before all else.

import { labSupport } from '../lab/index.ts'
import { frpXtcpPeers, ourXtcpPeer } from './choose.ts'
import type { NatWords, Part } from './part.ts'
import { PARTS } from './parts.ts'
import type { NatPeer } from './peers.ts'
import { KINDS, PAIRS } from './places.ts'
import type { Kind, Pair } from './places.ts'

/** As typed; undefined is what was not given. */
export interface NatBenchWords {
  readonly tries?: string | undefined
  /** `visitor/owner`, separated by commas; `all` stands for every kind. */
  readonly pairs?: string | undefined
  /** `ours` or `frp`: the other one is left out. */
  readonly only?: string | undefined
  readonly scenarios?: readonly string[] | undefined
  readonly peers?: readonly string[] | undefined
  readonly isQuick?: boolean | undefined
}

export interface NatPlan extends NatWords {
  readonly parts: readonly Part[]
  readonly peers: readonly NatPeer[]
}

const TRIES = 2
const MOST_TRIES = 1000

/** Throws an Error whose message is one line for the user. */
export function planNat(words: NatBenchWords, env: NodeJS.ProcessEnv): NatPlan {
  const tries = triesOf(words)
  const pairs = pairsOf(words.pairs)
  const parts = partsOf(words.scenarios)
  const support = labSupport()
  if (support !== true) throw new Error(`the bench nat is not possible here: ${support}`)
  const [named] = words.peers ?? []
  const folder = named ?? env['FRP_BIN'] ?? ''
  const given = named === undefined ? 'FRP_BIN' : '--peer'
  if (words.only !== undefined && !['ours', 'frp'].includes(words.only)) {
    throw new Error(`--only ${words.only}: this takes ours or frp`)
  }
  if (words.only === 'frp' && folder === '') {
    throw new Error('--only frp: name the folder of a real frp with --peer')
  }
  const frp = folder === '' || words.only === 'ours' ? [] : frpXtcpPeers(folder, given)
  const peers = [...(words.only === 'frp' ? [] : [ourXtcpPeer()]), ...frp]
  return { tries, pairs, parts, isQuick: words.isQuick === true, peers }
}

function triesOf({ tries, isQuick }: NatBenchWords): number {
  if (tries === undefined) return isQuick === true ? 1 : TRIES
  const value = Number(tries)
  if (Number.isInteger(value) && value >= 1 && value <= MOST_TRIES) return value
  throw new Error(`--tries ${tries}: this takes a whole number from 1 to ${MOST_TRIES}`)
}

function pairsOf(text: string | undefined): readonly Pair[] {
  if (text === undefined) return PAIRS
  const wanted = text.split(',').flatMap(one => {
    const [visitors, owners, ...rest] = one.split('/').map(kindsOf)
    if (visitors === undefined || owners === undefined || rest.length > 0) {
      throw new Error(`--pairs ${one}: this takes visitor/owner, such as public/random`)
    }
    return owners.flatMap(owner => visitors.map(visitor => ({ visitor, owner })))
  })
  return PAIRS.filter(pair => {
    return wanted.some(({ visitor, owner }) => visitor === pair.visitor && owner === pair.owner)
  })
}

function kindsOf(text: string): readonly Kind[] {
  if (text === 'all') return KINDS
  const kinds = KINDS.filter(kind => kind.replace(' ', '-') === text.replace(' ', '-'))
  if (kinds.length > 0) return kinds
  const names = KINDS.map(kind => kind.replace(' ', '-')).join(', ')
  throw new Error(`--pairs: there is no kind of NAT "${text}"; there are all, ${names}`)
}

function partsOf(wanted: readonly string[] | undefined): readonly Part[] {
  if (wanted === undefined) return PARTS
  for (const word of wanted) {
    if (PARTS.some(({ name }) => isMeant(name, word))) continue
    const names = PARTS.map(({ name }) => name).join(', ')
    throw new Error(`--scenarios: no scenario of nat begins with "${word}"; there are ${names}`)
  }
  return PARTS.filter(({ name }) => wanted.some(word => isMeant(name, word)))
}

function isMeant(name: string, word: string): boolean {
  return word !== '' && name.startsWith(word)
}
