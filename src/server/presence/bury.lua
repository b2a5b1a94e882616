-- Puts what a dead server holds into a grave, at once and however much it is. From here on the server is
-- unknown: nothing of it is recorded before it renews its lease and begins with empty holdings. Until the grave
-- is empty it counts as one more server, so a user who is put back meanwhile is not told to have left.
--
-- KEYS  1 lease, 2 servers, 3 holdings, 4 graves, 5 grave (a new one)
-- ARGV  1 incarnation, 2 the grave's name in graves
-- Returns 1; 0 with nothing done if the server lives or is not known (somebody else was first).

if redis.call("EXISTS", KEYS[1]) == 1 then return 0 end
if redis.call("HDEL", KEYS[2], ARGV[1]) == 0 then return 0 end
if redis.call("EXISTS", KEYS[3]) == 1 then
  redis.call("RENAME", KEYS[3], KEYS[5])
  redis.call("SADD", KEYS[4], ARGV[2])
end
return 1
