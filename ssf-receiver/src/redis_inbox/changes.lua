-- Revocations behind a position, with their positions, as they are at one moment.
-- KEYS: positions, revocations. ARGV: the position, how many at most.
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local changes = {}
for i = 1, #found, 2 do
  changes[#changes + 1] = { found[i], found[i + 1], redis.call('HGET', KEYS[2], found[i]) }
end
return changes
