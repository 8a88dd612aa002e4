-- What every script begins with: the prefix of our keys, and that of the values of sessions.
local prefix, values = ARGV[1], ARGV[2]

-- Whether a session was ended within a day.
local function is_gone(id)
  return redis.call('EXISTS', prefix .. ':gone:' .. id) == 1
end

-- Takes a session out of the index.
local function withdraw(id)
  local session = prefix .. ':k:' .. id
  local under = redis.call('HGET', session, 'under')
  if under then
    for fingerprint in string.gmatch(under, '%x+') do
      redis.call('ZREM', prefix .. ':u:' .. fingerprint, id)
    end
    redis.call('DEL', session)
  end
end

-- Has a session be found under its fingerprints for so many seconds; of too many, those that end first are not.
local function place(id, under, ttl, most)
  local now = tonumber(redis.call('TIME')[1])
  for fingerprint in string.gmatch(under, '%x+') do
    local sessions = prefix .. ':u:' .. fingerprint
    redis.call('ZREMRANGEBYSCORE', sessions, '-inf', now)
    redis.call('ZADD', sessions, now + ttl, id)
    redis.call('ZREMRANGEBYRANK', sessions, 0, -most - 1)
    if redis.call('TTL', sessions) < ttl then
      redis.call('EXPIRE', sessions, ttl)
    end
  end
end
