-- Ends the lease of a node, whose members are removed after a time.
-- KEYS: nodes with a lease, nodes to be removed
-- ARGV: node, time
local time = redis.call('TIME')
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 then
  redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[2]),
      ARGV[1])
end
return 1
