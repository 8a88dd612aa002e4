// What follows for a session from what was published; pure.

import { keysOf, numberOf } from './keys.mjs'

// Seconds after which nothing is known any more.
const AGE_MAX = 10

// How far the transmitter's clock may be ahead, in seconds.
const SKEW = 60

// The gravest first.
const VERDICTS = ['unknown', 'revoked', 'blocked', 'reauthenticate', 'step_up', 'renew', 'allow']

export const issuerField = (issuer) => `issuer:${issuer.replace(/\/$/, '')}`

// The fields that the decision about a session takes, with what each of them says.
export function fieldsOf(secret, session, issuer) {
  const fields = new Map()
  for (const { key, kinds, isNamed } of keysOf(secret, session, issuer.masks)) {
    for (const kind of kinds) fields.set(`${issuer.number}.${key}.${kind}`, { kind, isNamed })
  }
  return fields
}

// Whether the head says that what stands there can be relied on at a time, which is that of the same Redis.
export function isReliable(secret, head, now) {
  return head.format === '1' && head.epoch != null && head.secret === numberOf(secret) && now - Number(head.at) <= AGE_MAX
}

// `values` has a value, or none, for each of `fields`.
export function verdict(session, issuer, fields, values) {
  const found = []
  for (const [field, about] of fields) {
    const value = values.get(field)
    if (value != null) found.push(refusal(session, about, value))
  }
  found.push(forgotten(session, issuer))
  return VERDICTS[Math.min(...found.map((one) => VERDICTS.indexOf(one)))]
}

function refusal(session, { kind, isNamed }, value) {
  const [moment, , effect] = value.split(' ')
  const isUnproven = session.authenticated === undefined || session.authenticated <= Number(moment)
  if (kind === 'ended') return isNamed || session.began <= Number(moment) ? 'revoked' : 'allow'
  if (effect === 'block') return 'blocked'
  if (kind === 'unproven' || effect === 'reauthenticate') return isUnproven ? 'reauthenticate' : 'allow'
  if (effect === 'step_up') return isUnproven ? 'step_up' : 'allow'
  // Of a later version.
  return 'unknown'
}

function forgotten(session, issuer) {
  const isUnproven = session.authenticated === undefined || session.authenticated <= issuer.unproven
  if (issuer.unproven > 0 && isUnproven) return 'reauthenticate'
  return issuer.ended > 0 && session.began <= issuer.ended + SKEW ? 'renew' : 'allow'
}
