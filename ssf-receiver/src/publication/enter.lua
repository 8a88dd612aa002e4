-- KEYS: what was loaded, the revocations, the changes. ARGV: its epoch, then field and value, again and again.
-- What was loaded takes the place of the revocations, all at once, and the changes begin anew. Whether all of it was still there.
local loaded, all, changes = KEYS[1], KEYS[2], KEYS[3]
if redis.call('HGET', loaded, 'epoch') ~= ARGV[1] then
  return 0
end
redis.call('UNLINK', all, changes)
local first = redis.call('XADD', changes, '*', 'epoch', ARGV[1], 'before', '')
redis.call('HSET', loaded, 'last', first, 'at', redis.call('TIME')[1], unpack(ARGV, 2))
redis.call('PERSIST', loaded)
redis.call('RENAME', loaded, all)
return 1
