// Signs and verifies SETs with jose: one task as JSON on standard input, one answer as JSON on standard output.

import * as crypto from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as jose from 'jose'

const ACCEPTED = ['RS256', 'PS256', 'ES256', 'EdDSA']
const SIGNED_BY_JOSE = [...ACCEPTED, 'RS512', 'Ed25519']

const rsa = (modulusLength) => crypto.generateKeyPairSync('rsa', { modulusLength })
const p256 = () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })

const KEYS = {
  RS256: rsa(2048),
  PS256: rsa(2048),
  ES256: p256(),
  EdDSA: crypto.generateKeyPairSync('ed25519'),
  weak: rsa(1024),
  leaked: p256(),
  stranger: p256(),
}
const UNPUBLISHED = ['stranger']

const algOf = (name) => ({ weak: 'RS256', leaked: 'ES256', stranger: 'ES256' })[name] ?? name

async function published(name) {
  const { publicKey, privateKey } = KEYS[name]
  const key = await jose.exportJWK(name === 'leaked' ? privateKey : publicKey)
  return { ...key, kid: name, alg: algOf(name), use: 'sig' }
}

const encoded = jose.base64url.encode
const bytes = (text) => new TextEncoder().encode(text)
const split = (token) => [token.slice(0, token.lastIndexOf('.')), token.slice(token.lastIndexOf('.') + 1)]

// A null takes a member away.
const merged = (base, changes) =>
  Object.fromEntries(Object.entries({ ...base, ...changes }).filter(([, value]) => value !== null))

function payload(task, test) {
  if (test.payload !== undefined) return test.payload
  const claims = merged(task.claims, test.claims)
  if (test.long !== undefined) claims.x_long = 'x'.repeat(test.long)
  return JSON.stringify(claims)
}

// What jose does not sign, because nobody should, is put together by hand.
async function signed(header, data, key) {
  const { publicKey, privateKey } = KEYS[key]
  if (SIGNED_BY_JOSE.includes(header.alg) && key !== 'weak') {
    return new jose.CompactSign(bytes(data)).setProtectedHeader(header).sign(privateKey)
  }
  if (header.alg === 'HS256') {
    const secret = bytes(publicKey.export({ type: 'spki', format: 'pem' }))
    return new jose.CompactSign(bytes(data)).setProtectedHeader(header).sign(secret)
  }
  const input = `${encoded(JSON.stringify(header))}.${encoded(data)}`
  const signature = key === 'weak' ? crypto.sign('sha256', bytes(input), privateKey) : ''
  return `${input}.${encoded(signature)}`
}

const FORMS = {
  signed,
  json: async (header, data, key) => {
    const sign = new jose.FlattenedSign(bytes(data)).setProtectedHeader(header)
    return JSON.stringify(await sign.sign(KEYS[key].privateKey))
  },
  jwe: ({ typ }, data) =>
    new jose.CompactEncrypt(bytes(data))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', typ })
      .encrypt(crypto.randomBytes(32)),
  der: async (...parts) => {
    const [input] = split(await signed(...parts))
    const key = { key: KEYS[parts[2]].privateKey, dsaEncoding: 'der' }
    return `${input}.${encoded(crypto.sign('sha256', bytes(input), key))}`
  },
  tampered: async (header, data, key) => {
    const other = JSON.stringify({ ...JSON.parse(data), jti: 'another' })
    const [head, , signature] = (await signed(header, data, key)).split('.')
    return `${head}.${encoded(other)}.${signature}`
  },
  truncated: async (...parts) => {
    const [input, signature] = split(await signed(...parts))
    return `${input}.${encoded(jose.base64url.decode(signature).slice(0, -1))}`
  },
  unsigned: async (...parts) => `${split(await signed(...parts))[0]}.`,
  padded: async (...parts) => `${await signed(...parts)}=`,
  newline: async (...parts) => `${await signed(...parts)}\n`,
}

async function made(task, test) {
  const { name, key = 'ES256', form = 'signed' } = test
  const header = merged({ alg: algOf(key), kid: key, typ: 'secevent+jwt' }, test.header)
  return { name, token: await FORMS[form](header, payload(task, test), key) }
}

async function verified(token, keys) {
  try {
    const found = await jose.compactVerify(token, keys, { algorithms: ACCEPTED })
    return { header: found.protectedHeader, payload: new TextDecoder().decode(found.payload) }
  } catch (error) {
    if (!(error instanceof jose.errors.JOSEError)) throw error
    return { refused: error.code }
  }
}

const all = (items, each) => Promise.all(items.map(each))

const task = JSON.parse(readFileSync(0, 'utf8'))
const keys = jose.createLocalJWKSet(task.jwks)
const names = Object.keys(KEYS).filter((name) => !UNPUBLISHED.includes(name))
const answer = {
  verified: await all(task.tokens, (token) => verified(token, keys)),
  jwks: { keys: await all(names, published) },
  signed: await all(ACCEPTED, (alg) => made(task, { name: alg, key: alg })),
  made: await all(task.cases, (test) => made(task, test)),
}
process.stdout.write(JSON.stringify(answer))
