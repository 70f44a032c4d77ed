-- Reads the value of a topic.
-- KEYS: value, last id
-- ARGV: id of the position ('' for the newest record), '1' if it is inside the record, bytes, epoch,
--       beginning
-- Returns as read-log.lua.
local previous, id, body = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) (%S+) (.*)$')
local ending = redis.call('GET', KEYS[2]) or id or ARGV[5]
redis.call('SET', KEYS[2], ending, 'PX', 604800000)
local known = ARGV[1] == ending and ARGV[2] == '0'
if not id or known or (ARGV[1] == '' and ARGV[3] == '0') then
  return {ending, 1, {}}
end
return {ending, 1, {id, previous, body}}
