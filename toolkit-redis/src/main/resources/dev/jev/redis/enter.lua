-- Begins a command of a node.
--
-- A node that has lost a connection sends with a greater generation from then on. What is still on
-- its way on the lost connection is refused, so that it cannot be executed behind a later command.
-- Publications are numbered per generation, in the order in which they are sent: so the fence also
-- tells whether an earlier one was executed. It is 'generation:number' of the newest publication,
-- followed by the last ones of earlier generations: '7:120,6:31'.

local FENCED = 'FENCED this connection was replaced by a later one'
local UNTELLABLE = 'UNTELLABLE the record may have been stored and is no longer kept'

-- Notes a command in the fence, unless that refuses it; returns whether it does not.
local function enter(key, fence, generation, number)
  local newest, rest = string.match(fence, '^(%d+):%d+(.*)$')
  if newest ~= generation then
    if newest and tonumber(newest) > tonumber(generation) then
      return false
    end
    rest = newest and ',' .. string.sub(fence, 1, 400) or ''
  elseif not number then
    return true
  end
  redis.call('SET', key, generation .. ':' .. (number or 0) .. rest, 'PX', 3600000)
  return true
end

-- Returns whether one of several tries was executed: 'no', 'yes', 'perhaps' if the fence does not
-- tell, 'unknown' if the tries are not known.
-- tries: '' for none; else the 'generation:number' of each, or '?' if they are not known
local function executed(fence, tries)
  local answer = tries == '?' and 'unknown' or 'no'
  for generation, number in string.gmatch(tries, '(%d+):(%d+)') do
    local last = string.match(',' .. fence, ',' .. generation .. ':(%d+)')
    if not last then
      answer = answer == 'no' and 'perhaps' or answer
    elseif tonumber(last) >= tonumber(number) then
      answer = 'yes'
    end
  end
  return answer
end

-- The identity of a body: its first bytes, see Backplane.IDENTITY_BYTES.
local function identity(body)
  return string.sub(body, 1, 18)
end
