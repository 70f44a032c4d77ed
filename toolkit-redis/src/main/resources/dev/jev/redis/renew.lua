-- Begins or renews the lease of a node, and ends those whose time is over.
-- KEYS: nodes with a lease, nodes to be removed
-- ARGV: node ('token name'), lease, '1' if it has a lease, '1' to end that
-- Returns whether the lease has ended, the nodes that have one, and those that the caller removes.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local node = ARGV[1]
for _, each in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], each)
  redis.call('ZADD', KEYS[2], now, each)
end
local lapsed = 0
if ARGV[3] == '1' and (ARGV[4] == '1' or not redis.call('ZSCORE', KEYS[1], node)) then
  lapsed = 1
  if redis.call('ZREM', KEYS[1], node) == 1 then
    redis.call('ZADD', KEYS[2], now + 2000, node) -- its members join again first
  end
else
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), node)
end
local removed = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 10)
for _, each in ipairs(removed) do
  redis.call('ZADD', KEYS[2], now + 5000, each) -- another node tries again if the caller does not
end
return {lapsed, redis.call('ZRANGE', KEYS[1], 0, -1), removed}
