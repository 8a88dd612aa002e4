// Whether the vectors are what this finds, too.

import { fieldsOf, verdict } from './decide.mjs'
import { fingerprint, keyUnder, numberOf } from './keys.mjs'

export function faults(file) {
  const secret = Buffer.from(file.secret, 'hex')
  const found = []
  const compare = (name, is, expected) => {
    if (is !== expected) found.push(`${name}: ${is}, and ${expected} was expected`)
  }
  compare('number', numberOf(secret), file.number)
  for (const { name, issuer, mask, identifiers, key } of file.keys) {
    const fingerprints = identifiers.map((subject) => fingerprint(secret, issuer, subject))
    compare(name, keyUnder(secret, issuer, mask, fingerprints), key)
  }
  for (const { name, session, issuer, fields, verdict: expected } of file.decisions) {
    const values = new Map(Object.entries(fields))
    compare(name, verdict(session, issuer, fieldsOf(secret, session, issuer), values), expected)
  }
  return found
}
