-- Publishes a probe. It also writes, which a server that is no longer master refuses.
-- KEYS: probe   ARGV: number
redis.call('SET', KEYS[1], ARGV[1], 'PX', 60000)
redis.call('SPUBLISH', KEYS[1], ARGV[1])
return 1
