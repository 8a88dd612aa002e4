-- KEYS: what is being loaded. ARGV: its epoch, and for how many seconds it stays if nobody goes on.
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
