// A copy of what is published, for whoever wants to ask nobody with a request.

import { fieldsOf, isReliable, issuerField, verdict } from './decide.mjs'

const HEAD = ['format', 'epoch', 'secret', 'at', 'last']

const WAIT = 500 // milliseconds until Redis is asked for the head again
const PAUSE = 50 // milliseconds after a failure
const SURE_FOR = 3000 // milliseconds for which what was found to be complete counts

export class Copy {
  constructor(client, prefix, secret) {
    this.client = client
    this.all = `${prefix}:revocations`
    this.changes = `${prefix}:changes`
    this.secret = secret
    this.forget()
  }

  forget() {
    this.epoch = null
    this.fields = new Map()
    this.sureUntil = 0
  }

  // Never ends.
  async follow() {
    for (;;) {
      try {
        if (this.epoch === null) await this.load()
        else await this.goOn()
      } catch {
        await new Promise((resolve) => setTimeout(resolve, PAUSE))
      }
    }
  }

  async head() {
    const asked = performance.now()
    const [time, values] = await this.client.multi().addCommand(['TIME']).hmGet(this.all, HEAD).exec()
    const head = Object.fromEntries(HEAD.map((field, place) => [field, values[place]]))
    return { head, asked, isReliable: isReliable(this.secret, head, Number(time[0])) }
  }

  // Everything, and behind which change it may go on: what changes meanwhile is found twice.
  async load() {
    const { head, isReliable } = await this.head()
    if (!isReliable) throw new Error('there is nothing to rely on')
    const fields = new Map()
    for await (const page of this.client.hScanIterator(this.all, { COUNT: 1000 })) {
      for (const { field, value } of [page].flat()) fields.set(field, value)
    }
    this.fields = fields
    this.epoch = head.epoch
    this.cursor = head.last
    await this.goOn(1)
  }

  async goOn(wait = WAIT) {
    const streams = await this.client.xRead({ key: this.changes, id: this.cursor }, { BLOCK: wait, COUNT: 100 })
    for (const { id, message } of streams?.[0]?.messages ?? []) this.change(id, message)
    const { head, asked, isReliable } = await this.head()
    if (head.epoch !== this.epoch) return this.forget()
    if (isReliable && head.last === this.cursor) this.sureUntil = asked + SURE_FOR
  }

  change(id, { epoch, before, ...fields }) {
    if (epoch !== this.epoch || before !== this.cursor) {
      // Something between has gone already.
      this.forget()
      throw new Error('changes are missing')
    }
    for (const [field, value] of Object.entries(fields)) {
      if (value === '') this.fields.delete(field)
      else this.fields.set(field, value)
    }
    this.cursor = id
  }

  lookUp(session) {
    const text = this.fields.get(issuerField(session.issuer))
    if (this.epoch === null || text === undefined || performance.now() > this.sureUntil) return 'unknown'
    const issuer = JSON.parse(text)
    return verdict(session, issuer, fieldsOf(this.secret, session, issuer), this.fields)
  }
}
