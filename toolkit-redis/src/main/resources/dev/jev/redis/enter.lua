-- Begins a command of a node.
--
-- A node that has lost a connection sends with a greater generation from then on. What is still on
-- its way on the lost connection is refused, so that it cannot be executed behind a later command.
-- The fence is the greatest generation.

local FENCED = 'FENCED this connection was replaced by a later one'

-- Returns whether a command may be executed.
local function enter(key, fence, generation)
  if fence == generation then
    return true
  elseif fence and tonumber(fence) > tonumber(generation) then
    return false
  end
  redis.call('SET', key, generation, 'PX', 86400000)
  return true
end
