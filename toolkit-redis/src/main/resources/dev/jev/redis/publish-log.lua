-- Publishes a record of a log.
-- KEYS: log, last id, fence
-- ARGV: generation, number, tries, epoch, beginning, entries, bytes, age, life of the last id, body
local log = KEYS[1]
local epoch, beginning, body = ARGV[4], ARGV[5], ARGV[10]
local known = redis.call('MGET', KEYS[3], KEYS[2])
local fence, last = known[1] or '', known[2]
if not enter(KEYS[3], fence, ARGV[1], ARGV[2]) then
  return redis.error_reply(FENCED)
end

local earlier = ARGV[3] == '' and 'no' or executed(fence, ARGV[3])
if earlier ~= 'no' then
  local to = '+'
  repeat
    local entries = redis.call('XREVRANGE', log, to, '-', 'COUNT', 50)
    for _, entry in ipairs(entries) do
      if identity(entry[2][4]) == identity(body) then
        return {idOf(entry), 1}
      end
      to = '(' .. entry[1]
    end
  until #entries < 50
  local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  local before = first and head(first) or endOf(log, last, beginning)
  local complete = string.find(before, '^%x+%.b') -- nothing was removed from the log
  if earlier == 'yes' or (earlier == 'unknown' and not complete) then
    return redis.error_reply(UNTELLABLE)
  end
end

local previous, before = endOf(log, last, beginning)
local entry = redis.call('XADD', log, 'MAXLEN', '~', ARGV[6], '*',
    'h', previous .. ' ' .. epoch .. ' ' .. before, 'd', body)
local id = epoch .. '.' .. entry
local total = before + #body -- Lua writes whole numbers of up to 14 digits as they are

-- Only a body of more than its share can make the log too large.
local bytes = tonumber(ARGV[7])
if #body * tonumber(ARGV[6]) > bytes then
  for _ = 1, 100 do
    local two = redis.call('XRANGE', log, '-', '+', 'COUNT', 2)
    local _, _, start = head(two[1])
    if #two < 2 or total - start <= bytes then
      break
    end
    redis.call('XTRIM', log, 'MINID', two[2][1])
  end
end

redis.call('PEXPIRE', log, ARGV[8])
redis.call('SET', KEYS[2], id .. ' ' .. total, 'PX', ARGV[9])
redis.call('SPUBLISH', log, previous .. ' ' .. id .. ' ' .. body)
return {id, 0}
