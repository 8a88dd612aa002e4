-- KEYS: the revocations, the changes. ARGV: the epoch, the place before, the place after, 1 if nothing is known besides, how many
-- changes stay, then field and value, again and again; a field with an empty value goes.
-- Whether all was there as it was left. If it was not, nothing is changed.
local all, changes = KEYS[1], KEYS[2]
local known = redis.call('HMGET', all, 'epoch', 'place', 'last')
local newest = redis.call('XREVRANGE', changes, '+', '-', 'COUNT', 1)[1]
if known[1] ~= ARGV[1] or known[2] ~= ARGV[2] or not newest or newest[1] ~= known[3] then
  return 0
end
if #ARGV > 5 then
  local last = redis.call('XADD', changes, 'MAXLEN', '~', ARGV[5], '*', 'epoch', ARGV[1], 'before', known[3], unpack(ARGV, 6))
  redis.call('HSET', all, 'last', last)
end
for at = 6, #ARGV, 2 do
  if ARGV[at + 1] == '' then
    redis.call('HDEL', all, ARGV[at])
  else
    redis.call('HSET', all, ARGV[at], ARGV[at + 1])
  end
end
redis.call('HSET', all, 'place', ARGV[3])
if ARGV[4] == '1' then
  redis.call('HSET', all, 'at', redis.call('TIME')[1])
end
return 1
