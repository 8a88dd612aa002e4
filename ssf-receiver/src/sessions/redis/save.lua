-- id, value, seconds: stores the value of a session; 0 if it was ended.
local id, value, ttl = ARGV[3], ARGV[4], ARGV[5]
if is_gone(id) then return 0 end
redis.call('SET', values .. id, value, 'EX', ttl)
return 1
