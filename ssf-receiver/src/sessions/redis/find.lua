-- fingerprint: the sessions that are registered under it, each with its keys.
local now = tonumber(redis.call('TIME')[1])
local sessions = prefix .. ':u:' .. ARGV[3]
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', sessions, '(' .. now, '+inf')) do
  local keys = redis.call('HGET', prefix .. ':k:' .. id, 'keys')
  if keys then
    found[#found + 1] = id
    found[#found + 1] = keys
  end
end
return found
