// An application that knows docs/redis.md alone, on the Redis client of npm. Standard input has a line of JSON for each question:
// {"vectors": PATH}, {"ask": SESSION}, which asks Redis, or {"look up": SESSION}, which asks a copy of what is there. Each gets a
// line with the answer.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { Copy } from './copy.mjs'
import { fieldsOf, isReliable, issuerField, verdict } from './decide.mjs'
import { faults } from './vectors.mjs'

// The library is in the directory where this runs, and not where it lies.
const { createClient } = createRequire(`${process.cwd()}/`)('@redis/client')

const HEAD = ['format', 'epoch', 'secret', 'at']

class Application {
  constructor(client, prefix, secret) {
    this.client = client
    this.all = `${prefix}:revocations`
    this.secret = secret
    this.issuers = new Map()
    this.latest = {}
  }

  // One question to Redis, and another one if what the fields are made of has changed since the last.
  async ask(session) {
    const name = issuerField(session.issuer)
    for (;;) {
      const text = this.issuers.get(name)
      const fields = text === undefined ? new Map() : fieldsOf(this.secret, session, JSON.parse(text))
      const names = [...fields.keys()]
      const [time, answer] = await this.client
        .multi()
        .addCommand(['TIME'])
        .hmGet(this.all, [...HEAD, name, ...names])
        .exec()
      const values = answer.splice(HEAD.length + 1)
      const head = Object.fromEntries(HEAD.map((field, place) => [field, answer[place]]))
      const current = answer[HEAD.length]
      if (!isReliable(this.secret, head, Number(time[0])) || current == null || this.isOlder(head)) return 'unknown'
      if (current === text) {
        const found = new Map(names.map((field, place) => [field, values[place]]))
        return verdict(session, JSON.parse(text), fields, found)
      }
      this.issuers.set(name, current)
    }
  }

  // Whether a Redis answers that has less than another one had.
  isOlder({ epoch, at }) {
    if (epoch === this.latest.epoch && Number(at) < this.latest.at) return true
    this.latest = { epoch, at: Number(at) }
    return false
  }
}

async function answer(question, parts) {
  if (question.vectors !== undefined) return faults(JSON.parse(readFileSync(question.vectors, 'utf8')))
  if (question.ask !== undefined) return parts.application.ask(question.ask).catch(() => 'unknown')
  return parts.copy.lookUp(question['look up'])
}

const [socket, prefix, secret] = process.argv.slice(-3)
const parts = {}
if (socket !== 'none') {
  const connected = async () => {
    const client = createClient({ socket: { path: socket, reconnectStrategy: () => 50 } })
    // Told by the next question.
    client.on('error', () => {})
    return client.connect()
  }
  const key = Buffer.from(secret, 'hex')
  parts.application = new Application(await connected(), prefix, key)
  parts.copy = new Copy(await connected(), prefix, key)
  parts.copy.follow()
}
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line), parts))}\n`)
}
process.exit(0)
