-- Publishes a record of a log.
-- KEYS: log, last id, fence
-- ARGV: generation, number, tries, epoch, beginning, entries, bytes, age, life of the last id, body
local log, last = KEYS[1], KEYS[2]
local epoch, beginning, body = ARGV[4], ARGV[5], ARGV[10]
local executed = enter(KEYS[3], ARGV[1], ARGV[2], ARGV[3])
if not executed then
  return redis.error_reply(FENCED)
end

if executed ~= 'no' then
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
  if executed == 'yes' or (executed == 'unknown' and not complete) then
    return redis.error_reply(UNTELLABLE)
  end
end

local previous, total = endOf(log, last, beginning)
local entry = redis.call('XADD', log, 'MAXLEN', '~', ARGV[6], '*',
    'h', previous .. ' ' .. epoch .. ' ' .. string.format('%.0f', total), 'd', body)
local id = epoch .. '.' .. entry
total = total + #body

-- Only a body of more than its share can make the log too large.
local bytes = tonumber(ARGV[7])
if #body * tonumber(ARGV[6]) > bytes then
  for _ = 1, 100 do
    local two = redis.call('XRANGE', log, '-', '+', 'COUNT', 2)
    local _, _, before = head(two[1])
    if #two < 2 or total - tonumber(before) <= bytes then
      break
    end
    redis.call('XTRIM', log, 'MINID', two[2][1])
  end
end

redis.call('PEXPIRE', log, ARGV[8])
redis.call('SET', last, id .. ' ' .. string.format('%.0f', total), 'PX', ARGV[9])
redis.call('SPUBLISH', log, previous .. ' ' .. id .. ' ' .. body)
return {id, 0}
