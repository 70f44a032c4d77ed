-- Reads the records of a log behind a position, see log.lua.
-- KEYS: log, last id
-- ARGV: id of the position ('' for the newest records, 'oldest' for all), '1' if it is inside the
--       record, bytes, epoch, beginning
-- Returns the end, whether the slice is continuous, and {id, previous, body, ...}.
local log = KEYS[1]
local after, inside, bytes = ARGV[1], ARGV[2] == '1', tonumber(ARGV[3])
local ending = endOf(log, redis.call('GET', KEYS[2]), ARGV[4], ARGV[5])
redis.call('SET', KEYS[2], ending, 'PX', 604800000)

local records, size = {}, 0

local function add(id, previous, body)
  local at = #records
  records[at + 1], records[at + 2], records[at + 3] = id, previous, body
  size = size + #body
end

-- Returns the newest records, oldest first.
local function newest(most)
  local found, sum = {}, 0
  if bytes > 0 then
    backwards(log, ending, 1, function(id, previous, body)
      found[#found + 1] = {id, previous, body}
      sum = sum + #body
      return sum >= bytes or #found == most
    end)
  end
  for i = #found, 1, -1 do
    add(unpack(found[i]))
  end
  return records
end

-- Returns where the records behind the position begin, or nil if that is not known.
local function start()
  if after == 'oldest' then
    return '-'
  end
  local epoch, entry = string.match(after, '^(%x+)%.(%d+%-%d+)$')
  if entry then
    local two = redis.call('XRANGE', log, entry, '+', 'COUNT', 2)
    local id = two[2] and two[2][2][1] or ending
    if two[1] and two[1][1] == entry and id == after then
      return inside and entry or '(' .. entry
    end
  end
  local first = not inside and redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  return first and first[2][1] == after and '-' or nil
end

if after == '' then
  return {ending, 1, newest(100000)}
elseif after == ending and not inside then
  return {ending, 1, {}}
end
local from = start()
if not from then
  return {ending, 0, newest(20)} -- enough to tell a loss of records from a gap
end

local last -- its id is told by the next
repeat
  local entries = redis.call('XRANGE', log, from, '+', 'COUNT', 20)
  for _, entry in ipairs(entries) do
    if last then
      add(entry[2][1], last[2][1], last[2][2])
      if size >= bytes then
        return {ending, 1, records}
      end
    end
    last, from = entry, '(' .. entry[1]
  end
until #entries < 20
if last then
  add(ending, last[2][1], last[2][2])
end
return {ending, 1, records}
