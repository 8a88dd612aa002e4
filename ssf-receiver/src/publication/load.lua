-- KEYS: what is being loaded. ARGV: its epoch, for how many seconds it stays if nobody goes on, then field and value, again and
-- again. Whether what was loaded before is still there.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
