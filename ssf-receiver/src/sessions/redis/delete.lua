-- id: deletes a session that its user has ended.
redis.call('DEL', values .. ARGV[3])
withdraw(ARGV[3])
return 1
