-- An entry of a log: its id in the stream, a head and a body. The head has the id of the record
-- before, the epoch, and the size of all bodies before it. The id of a record is 'epoch.entry'; that
-- of a beginning is 'epoch.bNAME', which no record has.

local function head(entry)
  return string.match(entry[2][2], '^(%S+) (%S+) (%d+)$')
end

local function idOf(entry)
  local _, epoch = head(entry)
  return epoch .. '.' .. entry[1]
end

-- Returns the id of the last record, or of the beginning, and the size of all bodies.
local function endOf(log, last, beginning)
  local id, total = string.match(last or '', '^(%S+) (%d+)$')
  if id then
    return id, total
  end
  local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  if newest then
    local _, _, before = head(newest)
    return idOf(newest), before + #newest[2][4]
  end
  return beginning, '0'
end
