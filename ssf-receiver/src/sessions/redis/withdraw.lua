-- id: has a session be found no longer.
withdraw(ARGV[3])
return 1
