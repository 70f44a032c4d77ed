-- Sets the number of connections that a member has on a node.
-- KEYS: roster, members of the node, mark of a removed node, fence
-- ARGV: generation, token of the node, member, info, connections
--
-- The roster is a hash: 'v' is its version; 'm' and a member are the number of its nodes and its
-- info; 'c', the token of a node and a member are the number of its connections there.
local roster, mine = KEYS[1], KEYS[2]
local token, member, info, connections = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
if not enter(KEYS[4], redis.call('GET', KEYS[4]), ARGV[1]) then
  return redis.error_reply(FENCED)
end

local function changed(sign, infoThen)
  if redis.call('HEXISTS', roster, 'v') == 0 then
    local time = redis.call('TIME')
    redis.call('HSET', roster, 'v', string.format('%.0f', time[1] * 1000 + time[2] / 1000))
  end
  local version = redis.call('HINCRBY', roster, 'v', 1)
  redis.call('SPUBLISH', roster,
      string.format('%.0f', version) .. ' ' .. sign .. ' ' .. #member .. ' ' .. member .. infoThen)
end

local here, everywhere = 'c' .. token .. member, 'm' .. member
local entry = #KEYS[1] .. ' ' .. KEYS[1] .. member
local nodes, infoBefore = string.match(redis.call('HGET', roster, everywhere) or '', '^(%d+) (.*)$')
if connections > 0 then
  if redis.call('EXISTS', KEYS[3]) == 1 then
    return redis.error_reply('LAPSED the node was removed')
  end
  if redis.call('HSET', roster, here, connections) == 1 then
    redis.call('SADD', mine, entry)
    redis.call('PERSIST', roster)
    redis.call('HSET', roster, everywhere,
        (tonumber(nodes or 0) + 1) .. ' ' .. (infoBefore or info))
    if not nodes then
      changed('+', info)
    end
  end
elseif redis.call('HDEL', roster, here) == 1 then
  redis.call('SREM', mine, entry)
  if tonumber(nodes or 1) > 1 then
    redis.call('HSET', roster, everywhere, (tonumber(nodes) - 1) .. ' ' .. infoBefore)
  else
    redis.call('HDEL', roster, everywhere)
    changed('-', infoBefore or info)
    if redis.call('HLEN', roster) == 1 then
      redis.call('PEXPIRE', roster, 86400000) -- keeps its version for a day
    end
  end
end
return 1
