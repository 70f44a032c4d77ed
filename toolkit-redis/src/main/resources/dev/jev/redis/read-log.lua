-- Reads the records of a log behind a position.
-- KEYS: log, last id
-- ARGV: id of the position ('' for the newest records, 'oldest' for all), '1' if it is inside the
--       record, bytes, life
--       of the last id, beginning
-- Returns the end, whether the slice is continuous, and {id, previous, body, ...}.
local log = KEYS[1]
local after, inside, bytes = ARGV[1], ARGV[2] == '1', tonumber(ARGV[3])

local last = redis.call('GET', KEYS[2])
local ending, total = endOf(log, last, ARGV[5])
if last then
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
else
  redis.call('SET', KEYS[2], ending .. ' ' .. total, 'PX', ARGV[4])
end

-- Returns the newest records, oldest first.
local function newest(most)
  local found, size, to = {}, 0, '+'
  while size < bytes and #found < most do
    local entry = redis.call('XREVRANGE', log, to, '-', 'COUNT', 1)[1]
    if not entry then
      break
    end
    found[#found + 1] = entry
    size = size + #entry[2][4]
    to = '(' .. entry[1]
  end
  local records = {}
  for i = #found, 1, -1 do
    records[#records + 1] = idOf(found[i])
    records[#records + 1] = (head(found[i]))
    records[#records + 1] = found[i][2][4]
  end
  return records
end

if after == '' then
  return {ending, 1, newest(100000)}
end
if after == ending and not inside then
  return {ending, 1, {}}
end

local from = after == 'oldest' and '-' or nil
local epoch, entry = string.match(after, '^(%x+)%.(%d+%-%d+)$')
if entry then
  local at = redis.call('XRANGE', log, entry, entry)[1]
  if at and idOf(at) == after then
    from = inside and entry or '(' .. entry
  end
end
if not from and not inside then
  local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  if first and head(first) == after then
    from = '-'
  end
end
if not from then
  return {ending, 0, newest(20)} -- enough to tell a loss of records from a gap
end

local records, size = {}, 0
repeat
  local entries = redis.call('XRANGE', log, from, '+', 'COUNT', 20)
  for _, each in ipairs(entries) do
    if size >= bytes and size > 0 then
      return {ending, 1, records}
    end
    records[#records + 1] = idOf(each)
    records[#records + 1] = (head(each))
    records[#records + 1] = each[2][4]
    size = size + #each[2][4]
    from = '(' .. each[1]
  end
until #entries < 20
return {ending, 1, records}
