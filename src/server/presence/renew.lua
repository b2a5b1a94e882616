-- Renews a server's lease, and makes the server known if it is not.
--
-- KEYS  1 lease, 2 servers, 3 epoch
-- ARGV  1 incarnation, 2 number of this renewal (each is higher than the server's last), 3 lease in milliseconds,
--       4 random text that becomes the epoch if there is none
-- Returns { epoch, number of the renewal with which the server became known }. Another epoch than before: Redis
-- has lost everything; the same epoch but another number: the server was reaped.

local epoch = redis.call("GET", KEYS[3])
if not epoch then
  epoch = ARGV[4]
  redis.call("SET", KEYS[3], epoch)
end

-- A late renewal from a connection that was given up must not undo that of the present one.
local current = redis.call("GET", KEYS[1])
if not current or tonumber(current) < tonumber(ARGV[2]) then
  redis.call("SET", KEYS[1], ARGV[2], "PX", ARGV[3])
  redis.call("HSETNX", KEYS[2], ARGV[1], ARGV[2])
end

return { epoch, tonumber(redis.call("HGET", KEYS[2], ARGV[1])) }
