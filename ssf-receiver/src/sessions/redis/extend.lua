-- id, seconds, most: has a session last for so long from now on.
local id, ttl, most = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local session = prefix .. ':k:' .. id
redis.call('EXPIRE', values .. id, ttl)
local under = redis.call('HGET', session, 'under')
if under then
  place(id, under, ttl, most)
  redis.call('EXPIRE', session, ttl)
end
return 1
