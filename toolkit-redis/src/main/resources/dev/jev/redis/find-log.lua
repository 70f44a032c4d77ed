-- Returns the record of an earlier try, or goes on with publish-log.lua. The try was stored behind
-- 'since', if at all.
do
  local since, body = ARGV[2], ARGV[8]
  local ending = endOf(KEYS[1], redis.call('GET', KEYS[2]), ARGV[3], ARGV[4])
  local found
  local before = since == ending and ending or backwards(KEYS[1], ending, 50,
      function(id, previous, each)
        found = same(each, body) and id
        return found or previous == since
      end)
  if found then
    return {found, 1}
  elseif before ~= since and not isBeginning(before) then
    return redis.error_reply(UNTELLABLE)
  end
end
