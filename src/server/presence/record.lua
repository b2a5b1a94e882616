-- Records changes of whom a server holds in which room. A change that is recorded already does nothing, so a
-- batch may be repeated.
--
-- KEYS  1 lease, 2 holdings (and the room keys of each change)
-- ARGV  1 number of the server's last renewal; then five for each change:
--       "joined" or "left", room, user, session or "", "1" to tell the room
-- Returns nil, with nothing done, if that renewal is not the one in force (the lease ran out, or a newer
-- connection took over); else { position, why, ... } of the changes that failed, positions counting from 0.

if redis.call("GET", KEYS[1]) ~= ARGV[1] then return false end

local holdings = KEYS[2]

local function change(kind, room, user, session, telling)
  local holding = room .. "/" .. user
  local held = redis.call("SISMEMBER", holdings, holding) == 1
  if held == (kind == "joined") then return end
  -- The room first: if its key is of a wrong type, nothing has changed yet.
  local edge
  if held then
    edge = let_go(room, user)
    redis.call("SREM", holdings, holding)
  else
    edge = hold(room, user)
    redis.call("SADD", holdings, holding)
  end
  if edge and telling == "1" then tell(room, kind, user, session ~= "" and session or nil) end
end

local failed = {}
for at = 2, #ARGV, 5 do
  local done, why = pcall(change, ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
  if not done then
    failed[#failed + 1] = (at - 2) / 5
    failed[#failed + 1] = type(why) == "table" and why.err or tostring(why)
  end
end
return failed
