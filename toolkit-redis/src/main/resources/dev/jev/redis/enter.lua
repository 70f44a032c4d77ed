-- Begins a command of a node.
--
-- A node that has lost a connection sends with a greater generation from then on. What is still on
-- its way on the lost connection is refused, so that it cannot be executed behind a later command.
-- Publications are numbered per generation, in the order in which they are sent: so the fence also
-- tells whether an earlier one was executed.
--
-- tries: '' for a first try; else the 'generation:number' of earlier ones, or '?' if they are not
-- known. Returns whether one of them was executed: 'no', 'yes', 'perhaps' if the fence does not
-- tell, 'unknown' if the tries are not known; or nil if this command is refused.
local function enter(fence, generation, number, tries)
  local newest = tonumber(redis.call('HGET', fence, 'g') or '0')
  if newest > tonumber(generation) then
    return nil
  end
  local executed = tries == '?' and 'unknown' or 'no'
  for g, n in string.gmatch(tries, '(%d+):(%d+)') do
    local last = redis.call('HGET', fence, g)
    if not last then
      executed = executed == 'no' and 'perhaps' or executed
    elseif tonumber(last) >= tonumber(n) then
      executed = 'yes'
    end
  end
  if newest < tonumber(generation) then
    redis.call('HSET', fence, 'g', generation)
    redis.call('PEXPIRE', fence, 3600000)
  end
  if number then
    redis.call('HSET', fence, generation, number)
  end
  return executed
end

local FENCED = 'FENCED this connection was replaced by a later one'
local UNTELLABLE = 'UNTELLABLE the record may have been stored and is no longer kept'

-- The identity of a body: its first bytes, see Backplane.IDENTITY_BYTES.
local function identity(body)
  return string.sub(body, 1, 18)
end
