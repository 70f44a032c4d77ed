-- Publishes a record of a log, see log.lua.
-- KEYS: log, last id, fence
-- ARGV: generation, since ('-' at the first try), epoch, beginning, entries, bytes, age, body
local log, epoch, body = KEYS[1], ARGV[3], ARGV[8]
local known = redis.call('MGET', KEYS[3], KEYS[2])
if not enter(KEYS[3], known[1], ARGV[1]) then
  return redis.error_reply(FENCED)
end

local previous = known[2]
if not previous then
  local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  previous = newest and epoch .. '.' .. newest[1] or ARGV[4]
end
local entry = redis.call('XADD', log, 'MAXLEN', '~', ARGV[5], '*', previous, body)
local id = epoch .. '.' .. entry

-- Only bodies of more than their share can make the log too large.
local bytes = tonumber(ARGV[6])
if #body * tonumber(ARGV[5]) > bytes then
  for _ = 1, 100 do
    local used = redis.call('MEMORY', 'USAGE', log, 'SAMPLES', 0) - 4096 -- allocated in advance
    local count = redis.call('XLEN', log)
    if used <= bytes or count == 1 then
      break
    end
    local excess = math.ceil(count * (used - bytes) / used)
    redis.call('XTRIM', log, 'MAXLEN', math.max(1, count - excess))
  end
end

-- Once a second is enough: the first ten digits of an entry are the second.
if string.sub(entry, 1, 10) ~= string.sub(previous, #epoch + 2, #epoch + 11) then
  redis.call('PEXPIRE', log, ARGV[7] + 1000)
end
redis.call('SET', KEYS[2], id, 'PX', 604800000)
redis.call('SPUBLISH', log, previous .. ' ' .. id .. ' ' .. body)
return {id, 0}
