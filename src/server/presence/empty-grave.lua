-- Takes some of a dead server's users away and tells their rooms. Several servers may do so at the same time.
--
-- KEYS  1 graves, 2 grave (and the room keys of each holding)
-- ARGV  1 the grave's name in graves, 2 how many holdings at most
-- Returns how many holdings remain.

for _, holding in ipairs(redis.call("SPOP", KEYS[2], ARGV[2])) do
  local room, user = string.match(holding, "^(.*)/(.*)$")
  -- A room whose key is of a wrong type must not keep the others waiting.
  local done, last = pcall(let_go, room, user)
  if done and last then tell(room, "left", user, nil) end
end

local remaining = redis.call("SCARD", KEYS[2])
if remaining == 0 then redis.call("SREM", KEYS[1], ARGV[1]) end
return remaining
