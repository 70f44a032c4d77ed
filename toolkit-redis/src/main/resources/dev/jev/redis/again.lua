-- Tells whether an earlier try of a publication was executed.

local UNTELLABLE = 'UNTELLABLE the record may have been stored and is no longer kept'

-- Returns whether two bodies are the same: their first bytes, see Backplane.IDENTITY_BYTES.
local function same(one, other)
  return string.sub(one, 1, 18) == string.sub(other, 1, 18)
end

-- Returns whether an id is that of a beginning.
local function isBeginning(id)
  return string.find(id, '^%x+%.b') ~= nil
end
