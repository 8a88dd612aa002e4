-- seconds, ids: deletes sessions, and refuses them for so long.
for place = 4, #ARGV do
  local id = ARGV[place]
  redis.call('DEL', values .. id)
  withdraw(id)
  redis.call('SET', prefix .. ':gone:' .. id, '', 'EX', ARGV[3])
end
return 1
