#!lua flags=allow-oom
-- Pauses a lane. A pause can be extended, never shortened.
--
-- KEYS  1 pace
-- ARGV  1 ms
-- Returns the ms until the pause ends.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local ending = math.max(tonumber(redis.call('HGET', KEYS[1], 'pausedUntil') or 0), now + tonumber(ARGV[1]) * 1000)
redis.call('HSET', KEYS[1], 'pausedUntil', string.format('%.0f', ending))
redis.call('EXPIRE', KEYS[1], 3600 + math.ceil((ending - now) / 1000000))
return math.ceil((ending - now) / 1000)
