-- Publishes the value of a topic. The value is 'previous id body', as its listeners get it.
-- KEYS: value, last id, fence
-- ARGV: generation, since ('-' at the first try), epoch, beginning, age, body
local since, epoch, body = ARGV[2], ARGV[3], ARGV[6]
local known = redis.call('MGET', KEYS[3], KEYS[2])
local previous = known[2] or ARGV[4]
if not enter(KEYS[3], known[1], ARGV[1]) then
  return redis.error_reply(FENCED)
end
if since ~= '-' and previous ~= since then
  local before, id, value = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) (%S+) (.*)$')
  before = before or previous
  if id and same(value, body) then
    return {id, 1}
  elseif before ~= since and not isBeginning(before) then
    return redis.error_reply(UNTELLABLE)
  end
end

-- An id like that of a stream's entry, later than the one before.
local time = redis.call('TIME')
local millis, count = time[1] * 1000 + math.floor(time[2] / 1000), 0
local lastMillis, lastCount = string.match(previous, '^%x+%.(%d+)%-(%d+)$')
if lastMillis and tonumber(lastMillis) >= millis then
  millis, count = tonumber(lastMillis), tonumber(lastCount) + 1
end
local id = string.format('%s.%.0f-%.0f', epoch, millis, count)

local value = previous .. ' ' .. id .. ' ' .. body
redis.call('SET', KEYS[1], value, 'PX', ARGV[5])
redis.call('SET', KEYS[2], id, 'PX', 604800000)
redis.call('SPUBLISH', KEYS[1], value)
return {id, 0}
