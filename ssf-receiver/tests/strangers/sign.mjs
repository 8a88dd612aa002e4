// A transmitter's signatures by jose: claims come as JSON on standard input, tokens and their JWKS go to standard output.

import { readFileSync } from 'node:fs'
import * as jose from 'jose'

const answer = { jwks: { keys: [] }, tokens: [] }
const claims = JSON.parse(readFileSync(0, 'utf8'))
for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA']) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true })
  answer.jwks.keys.push({ ...(await jose.exportJWK(publicKey)), kid: alg, alg, use: 'sig' })
  const data = new TextEncoder().encode(JSON.stringify({ ...claims, jti: alg }))
  const header = { alg, kid: alg, typ: 'secevent+jwt' }
  answer.tokens.push(await new jose.CompactSign(data).setProtectedHeader(header).sign(privateKey))
}
process.stdout.write(JSON.stringify(answer))
