// What sessions are found by: keyed hashes of their identifiers. Written after docs/redis.md, with Node's own parts alone.

import { domainToASCII } from 'node:url'

const WORD = (1n << 64n) - 1n

const rotated = (word, bits) => ((word << BigInt(bits)) | (word >> BigInt(64 - bits))) & WORD

// SipHash-1-3 with 128 bits: two words.
function hashed(secret, bytes) {
  const [k0, k1] = [secret.readBigUInt64LE(0), secret.readBigUInt64LE(8)]
  let v0 = k0 ^ 0x736f6d6570736575n
  let v1 = k1 ^ 0x646f72616e646f6dn ^ 0xeen
  let v2 = k0 ^ 0x6c7967656e657261n
  let v3 = k1 ^ 0x7465646279746573n
  const round = () => {
    v0 = (v0 + v1) & WORD
    v1 = rotated(v1, 13) ^ v0
    v0 = rotated(v0, 32)
    v2 = (v2 + v3) & WORD
    v3 = rotated(v3, 16) ^ v2
    v0 = (v0 + v3) & WORD
    v3 = rotated(v3, 21) ^ v0
    v2 = (v2 + v1) & WORD
    v1 = rotated(v1, 17) ^ v2
    v2 = rotated(v2, 32)
  }
  const padded = Buffer.alloc((Math.floor(bytes.length / 8) + 1) * 8)
  bytes.copy(padded)
  padded[padded.length - 1] = bytes.length & 0xff
  for (let at = 0; at < padded.length; at += 8) {
    const word = padded.readBigUInt64LE(at)
    v3 ^= word
    round()
    v0 ^= word
  }
  const finished = () => {
    for (let rounds = 0; rounds < 3; rounds += 1) round()
    return v0 ^ v1 ^ v2 ^ v3
  }
  v2 ^= 0xeen
  const first = finished()
  v1 ^= 0xddn
  return [first, finished()]
}

const number = (value) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function hashOf(secret, purpose, parts) {
  const bytes = [Buffer.from([purpose])]
  for (const part of parts) {
    const content = Buffer.from(part)
    bytes.push(number(content.length), content)
  }
  return hashed(secret, Buffer.concat(bytes))
}

const hex = (words) => words.map((word) => word.toString(16).padStart(16, '0')).join('')

const withoutSlash = (issuer) => issuer.replace(/\/$/, '')

// The form of an identifier in which spellings that may mean one person are one.
export function form(subject) {
  const joined = (...fields) => fields.map((field) => `${Buffer.byteLength(field)}:${field}`).join('')
  const nfc = (text) => text.normalize('NFC')
  switch (subject.format) {
    case 'account':
      return joined('account', address(subject.uri))
    case 'email':
      return joined('email', address(subject.email))
    case 'iss_sub':
      return joined('iss_sub', withoutSlash(nfc(subject.iss)), nfc(subject.sub))
    case 'opaque':
      return joined('opaque', nfc(subject.id))
    case 'phone_number':
      return joined('phone_number', subject.phone_number.replace(/\s/gu, ''))
    case 'did':
      return joined('did', nfc(subject.url))
    case 'uri':
      return joined('uri', nfc(subject.uri))
    case 'jwt_id':
      return joined('jwt_id', withoutSlash(nfc(subject.iss)), nfc(subject.jti))
    case 'saml_assertion_id':
      return joined('saml_assertion_id', withoutSlash(nfc(subject.issuer)), nfc(subject.assertion_id))
    default:
      throw new Error(`nobody is found by ${subject.format}`)
  }
}

function address(text) {
  const folded = (part) => part.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
  const at = text.lastIndexOf('@')
  if (at < 0) return folded(text)
  const [local, domain] = [text.slice(0, at), text.slice(at + 1)]
  return `${folded(plainest(local))}@${domainToASCII(domain) || folded(domain)}`
}

// "alice"@h and alice@h are one mailbox.
function plainest(local) {
  if (!/^"(?:[^"\\]|\\.)*"$/su.test(local)) return local
  const meant = local.slice(1, -1).replace(/\\(.)/gsu, '$1')
  const isPlain = /^[\w!#$%&'*+\-/=?^`{|}~\u0080-\u{10ffff}]+(?:\.[\w!#$%&'*+\-/=?^`{|}~\u0080-\u{10ffff}]+)*$/u.test(meant)
  return isPlain ? meant : `"${meant.replace(/[\\"]/g, '\\$&')}"`
}

// The number of a secret, by which whoever has another one notices.
export const numberOf = (secret) => hex(hashOf(secret, 6, [])).slice(0, 16)

// The words of one identifier.
export const fingerprint = (secret, issuer, subject) => hashOf(secret, 1, [withoutSlash(issuer), form(subject)])

const PI = [0x243f6a8885a308d3n, 0x13198a2e03707344n, 0xa4093822299f31d0n, 0x082efa98ec4e6c89n]

function mixed([a, b], [c, d]) {
  const folded = (left, right) => {
    const product = left * right
    return (product & WORD) ^ (product >> 64n)
  }
  const [left, right] = [a ^ c, b ^ d]
  return [
    folded(left ^ PI[0], right ^ PI[1]),
    folded(rotated(left, 23) ^ PI[2], rotated(right, 41) ^ PI[3]),
  ]
}

// The key of identifiers under a mask; they come in the order of the places that it has.
export function keyUnder(secret, issuer, mask, fingerprints) {
  const isPlain = mask.has.length === 0 && mask.about === undefined
  if (isPlain) return hex(fingerprints[0])
  const names = (list) => [number(list.length), ...list]
  const about = mask.about === undefined ? [] : [mask.about]
  const first = hashOf(secret, 3, [withoutSlash(issuer), ...names(mask.has), ...names(mask.lacks), ...about])
  return hex(fingerprints.reduce(mixed, first))
}

const COLLECTIVE = ['tenant', 'org_unit', 'group', 'application']

// The keys of a session under each mask: the key, the kinds that there are under the mask, and whether it names that very session.
export function keysOf(secret, session, masks) {
  const known = session.identifiers.map(({ member, subject }) => ({
    place: `${member}/${subject.format}`,
    isCollective: COLLECTIVE.includes(member),
    isSession: !COLLECTIVE.includes(member)
      && (member === 'session' || ['jwt_id', 'saml_assertion_id'].includes(subject.format)),
    fingerprint: fingerprint(secret, session.issuer, subject),
  }))
  const keys = []
  for (const mask of masks) {
    for (const chosen of choices(known, mask)) {
      const key = keyUnder(secret, session.issuer, mask, chosen.map((one) => one.fingerprint))
      keys.push({ key, kinds: mask.kinds, isNamed: chosen.some((one) => one.isSession) })
    }
  }
  return keys
}

// Each way to take one identifier for each place of a mask.
function choices(known, mask) {
  if (mask.has.length === 0) return known.filter((one) => !one.isCollective).map((one) => [one])
  if (known.some((one) => mask.lacks.includes(one.place))) return []
  return mask.has.reduce(
    (chosen, place) => chosen.flatMap((so_far) => known.filter((one) => one.place === place).map((one) => [...so_far, one])),
    [[]],
  )
}
