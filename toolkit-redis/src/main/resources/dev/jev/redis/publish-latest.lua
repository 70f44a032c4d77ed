-- Publishes the value of a topic. The value is 'previous id body', as its listeners get it.
-- KEYS: value, last id, fence
-- ARGV: generation, number, tries, epoch, beginning, age, life of the last id, body
local epoch, body = ARGV[4], ARGV[8]
local known = redis.call('MGET', KEYS[3], KEYS[2])
local fence, previous = known[1] or '', known[2]
if not enter(KEYS[3], fence, ARGV[1], ARGV[2]) then
  return redis.error_reply(FENCED)
end
local earlier = executed(fence, ARGV[3])
if earlier ~= 'no' then
  local _, id, value = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) (%S+) (.*)$')
  if id and identity(value) == identity(body) then
    return {id, 1}
  end
  local complete = not previous or string.find(previous, '^%x+%.b')
  if earlier == 'yes' or (earlier == 'unknown' and not complete) then
    return redis.error_reply(UNTELLABLE)
  end
end
previous = previous or ARGV[5]

-- An id like that of a stream's entry, later than the one before.
local time = redis.call('TIME')
local millis, count = time[1] * 1000 + math.floor(time[2] / 1000), 0
local lastMillis, lastCount = string.match(previous, '^%x+%.(%d+)%-(%d+)$')
if lastMillis and tonumber(lastMillis) >= millis then
  millis, count = tonumber(lastMillis), tonumber(lastCount) + 1
end
local id = string.format('%s.%.0f-%.0f', epoch, millis, count)

local value = previous .. ' ' .. id .. ' ' .. body
redis.call('SET', KEYS[1], value, 'PX', ARGV[6])
redis.call('SET', KEYS[2], id, 'PX', ARGV[7])
redis.call('SPUBLISH', KEYS[1], value)
return {id, 0}
