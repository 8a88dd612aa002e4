// A Receiver that knows the specifications alone: jose for SETs, oauth4webapi for tokens, Node's own HTTP.
//
// A task as JSON on standard input says where the issuer is and who the Receiver is there. What was done goes to standard
// output, a line for each step; whatever is not as the specifications want it ends the program.

import * as assert from 'node:assert/strict'
import { once, EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import * as jose from 'jose'
import * as oauth from 'oauth4webapi'

const PATIENCE = 30_000 // milliseconds that anything may take

const PUSH = 'urn:ietf:rfc:8935'
const POLL = 'urn:ietf:rfc:8936'
const SESSION_REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked'
const VERIFICATION = 'https://schemas.openid.net/secevent/ssf/event-type/verification'

const TASK = JSON.parse(readFileSync(0, 'utf8'))
const ISSUER = TASK.issuer
const EVENT = { event_timestamp: 1_700_000_000, reason_admin: { en: 'The device is not compliant any more.' } }
const PUSH_SECRET = 'Bearer known-to-the-transmitter-alone'

const done = (step) => process.stdout.write(`${step}\n`)
const patience = () => AbortSignal.timeout(PATIENCE)

async function ask(method, url, { token, body } = {}) {
  const headers = {}
  if (token !== undefined) headers.authorization = `Bearer ${token}`
  if (body !== undefined) headers['content-type'] = 'application/json'
  return fetch(url, { method, headers, body: JSON.stringify(body), signal: patience() })
}

async function json(response, status = 200) {
  assert.equal(response.status, status, `${response.url}: ${response.status}`)
  assert.equal(response.headers.get('content-type'), 'application/json')
  return response.json()
}

async function discover() {
  // The segment stands between host and path (SSF 1.0 §7.2).
  const { origin, pathname } = new URL(ISSUER)
  const path = pathname === '/' ? '' : pathname
  const metadata = await json(await ask('GET', `${origin}/.well-known/ssf-configuration${path}`))
  assert.equal(metadata.issuer, ISSUER)
  for (const method of [PUSH, POLL]) assert.ok(metadata.delivery_methods_supported.includes(method))
  const schemes = metadata.authorization_schemes.map((scheme) => scheme.spec_urn)
  assert.ok(schemes.includes('urn:ietf:rfc:6749'), schemes)
  return metadata
}

// From the issuer to a token, as oauth4webapi does it (RFC 9728, RFC 8414, RFC 6749 §4.4).
async function gotToken() {
  const plain = { [oauth.allowInsecureRequests]: true, signal: patience() }
  const resource = new URL(ISSUER)
  const described = await oauth.processResourceDiscoveryResponse(
    resource,
    await oauth.resourceDiscoveryRequest(resource, plain),
  )
  const authority = new URL(described.authorization_servers[0])
  const server = await oauth.processDiscoveryResponse(
    authority,
    await oauth.discoveryRequest(authority, { ...plain, algorithm: 'oauth2' }),
  )
  const client = { client_id: TASK.client_id }
  const grant = (secret) => {
    const scope = { scope: 'ssf.manage' }
    return oauth.clientCredentialsGrantRequest(server, client, oauth.ClientSecretPost(secret), scope, plain)
  }
  const refused = await grant('not the secret')
  await assert.rejects(oauth.processClientCredentialsResponse(server, client, refused), { status: 401 })
  const granted = await oauth.processClientCredentialsResponse(server, client, await grant(TASK.client_secret))
  assert.ok(granted.expires_in > 0 && granted.expires_in <= 3600, `${granted.expires_in}`)
  return granted.access_token
}

// A SET that is not believed, with the code for its transmitter (RFC 8935 §2.4).
class Refused extends Error {
  constructor(code, description) {
    super(description)
    this.code = code
  }

  get body() {
    return { err: this.code, description: this.message }
  }
}

// The claims of SETs from our issuer for us; whatever else comes is refused.
function trust(metadata) {
  const keys = jose.createRemoteJWKSet(new URL(metadata.jwks_uri))
  const expected = {
    issuer: ISSUER,
    audience: TASK.audience,
    typ: 'secevent+jwt',
    algorithms: ['RS256'],
    requiredClaims: ['jti', 'iat', 'events', 'sub_id'],
  }
  return async (token) => {
    let claims
    try {
      claims = (await jose.jwtVerify(token, keys, expected)).payload
    } catch (error) {
      if (!(error instanceof jose.errors.JOSEError)) throw error
      const isKey = error instanceof jose.errors.JWSSignatureVerificationFailed
      throw new Refused(isKey ? 'invalid_key' : 'invalid_request', error.code)
    }
    if ('sub' in claims || 'exp' in claims || Object.keys(claims.events).length !== 1) {
      throw new Refused('invalid_request', 'not as SSF 1.0 §4.1 has it')
    }
    return claims
  }
}

// The SET with another first bit of its signature, as if it had been broken on its way.
function tampered(token) {
  const [head, payload, signature] = token.split('.')
  return `${head}.${payload}.${signature.startsWith('A') ? 'g' : 'A'}${signature.slice(1)}`
}

// What has happened and was not asked for yet, in order.
class Queue extends EventEmitter {
  items = []

  put(item) {
    this.items.push(item)
    this.emit('item')
  }

  async next() {
    while (this.items.length === 0) await once(this, 'item', { signal: patience() })
    return this.items.shift()
  }
}

// Where SETs are pushed to: believed ones come out of one queue, the codes of the others out of another.
class Endpoint {
  believed = new Queue()
  refused = new Queue()
  breaksNext = false

  constructor(claimsOf) {
    this.claimsOf = claimsOf
    this.server = createServer(async (request, response) => {
      const refusal = await this.judge(request.headers, await text(request))
      if (refusal === undefined) return response.writeHead(202).end()
      response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(refusal.body))
    })
  }

  async listen() {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    this.url = `http://127.0.0.1:${this.server.address().port}/events`
  }

  // The refusal, if the SET is not to be believed.
  async judge(headers, token) {
    const broken = this.breaksNext
    this.breaksNext = false
    try {
      if (headers.authorization !== PUSH_SECRET) throw new Refused('authentication_failed', 'another secret')
      if (headers['content-type'] !== 'application/secevent+jwt') throw new Refused('invalid_request', 'Content-Type')
      if (!headers.accept?.includes('application/json')) throw new Refused('invalid_request', 'Accept')
      this.believed.put(await this.claimsOf(broken ? tampered(token) : token))
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      this.refused.put(error.code)
      return error
    }
  }
}

// One stream at the management API (SSF 1.0 §8.1).
class Stream {
  constructor(metadata, token, delivery) {
    Object.assign(this, { metadata, token, delivery })
  }

  async create() {
    const body = { delivery: this.delivery, events_requested: [SESSION_REVOKED], description: "a stranger's" }
    const created = await ask('POST', this.metadata.configuration_endpoint, { token: this.token, body })
    this.configuration = await json(created, 201)
    const { stream_id, iss, aud, delivery, events_delivered, events_supported } = this.configuration
    this.id = stream_id
    assert.equal(iss, ISSUER)
    assert.ok([aud].flat().includes(TASK.audience))
    assert.equal(delivery.method, this.delivery.method)
    assert.ok(!('authorization_header' in delivery), 'the secret is told again')
    assert.deepEqual(events_delivered, [SESSION_REVOKED])
    assert.ok(events_supported.includes(SESSION_REVOKED))
    assert.deepEqual(await json(await this.get('configuration_endpoint')), this.configuration)
    const status = await json(await this.get('status_endpoint'))
    assert.deepEqual([status.stream_id, status.status], [this.id, 'enabled'])
  }

  url(endpoint) {
    return `${this.metadata[endpoint]}?${new URLSearchParams({ stream_id: this.id })}`
  }

  get(endpoint) {
    return ask('GET', this.url(endpoint), { token: this.token })
  }

  async askForVerification(state) {
    const body = { stream_id: this.id, state }
    const answer = await ask('POST', this.metadata.verification_endpoint, { token: this.token, body })
    assert.equal(answer.status, 204)
  }

  isVerifiedBy(claims, state) {
    assert.deepEqual(claims.sub_id, { format: 'opaque', id: this.id })
    assert.deepEqual(claims.events, { [VERIFICATION]: { state } })
  }

  async delete() {
    const answer = await ask('DELETE', this.url('configuration_endpoint'), { token: this.token })
    assert.equal(answer.status, 204)
    assert.equal((await this.get('configuration_endpoint')).status, 404)
  }
}

// What the identity provider does: it hands in that the sessions of this user have ended.
async function happens(email) {
  const event = { sub_id: { format: 'email', email }, events: { [SESSION_REVOKED]: EVENT } }
  const answer = await ask('POST', TASK.ingest, { token: TASK.source_token, body: event })
  return (await json(answer, 202)).events[0].txn
}

// An event happens, and the next SET is about it.
async function arrives(email, next) {
  isAbout(await happens(email), email, await next())
}

function isAbout(txn, email, claims) {
  assert.deepEqual(claims.sub_id, { format: 'email', email })
  assert.deepEqual(claims.events, { [SESSION_REVOKED]: EVENT })
  assert.equal(claims.txn, txn)
  assert.ok(Math.abs(Date.now() / 1000 - claims.iat) < 300, `${claims.iat}`)
}

async function byPush(metadata, token, claimsOf) {
  const endpoint = new Endpoint(claimsOf)
  await endpoint.listen()
  const delivery = { method: PUSH, endpoint_url: endpoint.url, authorization_header: PUSH_SECRET }
  const stream = new Stream(metadata, token, delivery)
  await stream.create()
  assert.equal(stream.configuration.delivery.endpoint_url, endpoint.url)
  done('push: created a stream')

  await stream.askForVerification('push, says a stranger')
  stream.isVerifiedBy(await endpoint.believed.next(), 'push, says a stranger')
  done('push: verified it')

  await arrives('alice@example.com', () => endpoint.believed.next())
  done('push: got an event')

  endpoint.breaksNext = true
  const refused = await happens('alice@example.com')
  assert.equal(await endpoint.refused.next(), 'invalid_key')
  // A key may only be too new to be known here, so the transmitter sends the SET once more, before what follows about this user.
  isAbout(refused, 'alice@example.com', await endpoint.believed.next())
  await arrives('alice@example.com', () => endpoint.believed.next())
  assert.deepEqual([endpoint.refused.items, endpoint.believed.items], [[], []])
  done('push: refused a broken SET')

  await stream.delete()
  done('push: deleted the stream')
  endpoint.server.close()
  endpoint.server.closeAllConnections()
}

// Polls (RFC 8936), and acknowledges with the next poll what it believed.
class Poller {
  ack = []
  setErrs = {}

  constructor(stream, claimsOf) {
    Object.assign(this, { stream, claimsOf })
  }

  async poll(members) {
    const { ack, setErrs } = this
    Object.assign(this, { ack: [], setErrs: {} })
    const url = this.stream.configuration.delivery.endpoint_url
    return json(await ask('POST', url, { token: this.stream.token, body: { ack, setErrs, ...members } }))
  }

  // The claims of the one SET that there is, or the code with which it is refused.
  async next(changed = (token) => token) {
    const { sets, moreAvailable = false } = await this.poll({ maxEvents: 10 })
    assert.deepEqual([Object.keys(sets).length, moreAvailable], [1, false])
    const [[jti, token]] = Object.entries(sets)
    try {
      const claims = await this.claimsOf(changed(token))
      assert.equal(claims.jti, jti)
      this.ack.push(jti)
      return claims
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      this.setErrs[jti] = error.body
      return error.code
    }
  }

  async isEmpty() {
    assert.deepEqual(await this.poll({ returnImmediately: true }), { sets: {} })
  }
}

async function byPoll(metadata, token, claimsOf) {
  const stream = new Stream(metadata, token, { method: POLL })
  await stream.create()
  const poller = new Poller(stream, claimsOf)
  await poller.isEmpty()
  done('poll: created a stream')

  await stream.askForVerification('poll, says a stranger')
  stream.isVerifiedBy(await poller.next(), 'poll, says a stranger')
  await poller.isEmpty()
  done('poll: verified it')

  await arrives('bob@example.com', () => poller.next())
  await poller.isEmpty()
  done('poll: got an event')

  await happens('bob@example.com')
  assert.equal(await poller.next(tampered), 'invalid_key')
  // The poll that tells of the refusal gets what was held back until then.
  await arrives('bob@example.com', () => poller.next())
  await poller.isEmpty()
  done('poll: refused a broken SET')

  await stream.delete()
  done('poll: deleted the stream')
}

const metadata = await discover()
done('discovered the transmitter')
const token = await gotToken()
done('got a token')
const claimsOf = trust(metadata)
await byPush(metadata, token, claimsOf)
await byPoll(metadata, token, claimsOf)
