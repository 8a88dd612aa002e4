-- Takes the lead for a time, or keeps it; 1 if it is had.
-- KEYS: the lease. ARGV: who asks, milliseconds.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
