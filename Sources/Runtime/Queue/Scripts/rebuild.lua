#!lua
-- Empties a lane and names the epoch that its contents belong to from now on. Messages that are being sent right now,
-- according to Postgres, get a lease of their holder: if it does not report on them until that runs out, they are
-- looked into.
--
-- KEYS  1 epoch  2 ready  3 delayed  4 leases  5 held  6 passes  7 pace
-- ARGV  1 epoch  2 lease ms  3 paused ms  4… pairs of id being sent and token of its holder
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
local expiry = string.format('%.0f', now / 1000 + tonumber(ARGV[2]))
for i = 4, #ARGV, 2 do
    redis.call('ZADD', KEYS[4], expiry, ARGV[i])
    redis.call('HSET', KEYS[5], ARGV[i], 'f' .. ARGV[i + 1] .. '|0')
end
if tonumber(ARGV[3]) > 0 then
    redis.call('HSET', KEYS[7], 'pausedUntil', string.format('%.0f', now + tonumber(ARGV[3]) * 1000))
    redis.call('EXPIRE', KEYS[7], 3600 + math.ceil(tonumber(ARGV[3]) / 1000))
end
redis.call('SET', KEYS[1], ARGV[1])
return (#ARGV - 3) / 2
