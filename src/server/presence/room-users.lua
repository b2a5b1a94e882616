-- Stands in front of the scripts that change who is in a room.
--
-- A user is in the set room:<room>:users while at least one server holds the user there. Where more than one
-- does, the hash disroom:room:<room>:more has a field with the number of servers beyond the first.

-- Counts one more server for the user. Returns true if it is the first.
local function hold(room, user)
  if redis.call("SADD", "room:" .. room .. ":users", user) == 1 then return true end
  redis.call("HINCRBY", "disroom:room:" .. room .. ":more", user, 1)
  return false
end

-- Counts one server less for the user. Returns true if it was the last.
local function let_go(room, user)
  local more = "disroom:room:" .. room .. ":more"
  local servers = redis.call("HGET", more, user)
  if not servers then return redis.call("SREM", "room:" .. room .. ":users", user) == 1 end
  if servers == "1" then
    redis.call("HDEL", more, user)
  else
    redis.call("HINCRBY", more, user, -1)
  end
  return false
end

-- Tells the room; without a session where none caused it.
local function tell(room, kind, user, session)
  redis.call("PUBLISH", "room:" .. room .. ":presence", cjson.encode({ kind = kind, user = user, session = session }))
end
