-- Returns a roster, see present.lua, with a version that later changes continue.
-- KEYS: roster
if redis.call('EXISTS', KEYS[1]) == 0 then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'v', string.format('%.0f', time[1] * 1000 + time[2] / 1000))
  redis.call('PEXPIRE', KEYS[1], 86400000)
end
return redis.call('HGETALL', KEYS[1])
