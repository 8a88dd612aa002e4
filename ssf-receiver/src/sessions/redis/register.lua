-- id, keys, fingerprints, seconds, most: has a session be found under its fingerprints; 0 if it was ended.
local id, keys, under, ttl, most = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
if is_gone(id) then return 0 end
withdraw(id)
place(id, under, ttl, most)
redis.call('HSET', prefix .. ':k:' .. id, 'keys', keys, 'under', under)
redis.call('EXPIRE', prefix .. ':k:' .. id, ttl)
return 1
