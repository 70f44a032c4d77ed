-- A log is a stream. An entry has one field, whose name is the id of the record before and whose
-- value is the body. The id of a record is 'epoch.entry', with the epoch in which it was published:
-- the next entry or the last id tells it. That of a beginning is 'epoch.bNAME', which no record has.

-- Returns the id of the last record, or of the beginning.
local function endOf(log, last, epoch, beginning)
  if last then
    return last
  end
  local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  return newest and epoch .. '.' .. newest[1] or beginning
end

-- Calls a function with each record from the newest on, until it returns true; returns the id of
-- the record before the last of them.
local function backwards(log, ending, step, each)
  local id, to = ending, '+'
  repeat
    local entries = redis.call('XREVRANGE', log, to, '-', 'COUNT', step)
    for _, entry in ipairs(entries) do
      local previous, body = entry[2][1], entry[2][2]
      if each(id, previous, body) then
        return previous
      end
      id, to = previous, '(' .. entry[1]
    end
  until #entries < step
  return id
end
