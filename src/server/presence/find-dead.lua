-- Finds the servers whose lease has run out, and the graves that are not empty yet.
--
-- KEYS  1 servers, 2 graves (and the lease of each server)
-- Returns { { incarnation, ... }, { grave, ... } }.

local dead = {}
for _, incarnation in ipairs(redis.call("HKEYS", KEYS[1])) do
  if redis.call("EXISTS", "disroom:server:" .. incarnation .. ":lease") == 0 then dead[#dead + 1] = incarnation end
end
return { dead, redis.call("SMEMBERS", KEYS[2]) }
