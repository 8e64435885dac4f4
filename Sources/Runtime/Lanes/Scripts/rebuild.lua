#!lua
-- Empties a lane and sets its new epoch. Messages that are being sent according to Postgres get a lease; if Postgres has no
-- outcome when it expires, the reaper takes them over. The quota's buckets are set to what Postgres counted.
--
-- KEYS  1 epoch  2 ready  3 delayed  4 leases  5 held  6 passes  7 pace  8 outside  9 outside-delayed
--       10 prefix of the quota's buckets  11 counts (copy of the buckets)
-- ARGV  1 epoch  2 lease ms  3 paused ms  4 number of buckets  5… pairs of hour (YYYYMMDDHH) and count, then triples of
--       id being sent, its lease, and the hour whose bucket it was charged to (empty: none)
-- Returns how many leases were made.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[8], KEYS[9], KEYS[11])
local first = 5 + 2 * tonumber(ARGV[4])
for i = 5, first - 1, 2 do
    if tonumber(ARGV[i + 1]) > 0 then
        redis.call('SET', KEYS[10] .. ARGV[i], ARGV[i + 1], 'EX', 93600)
        redis.call('HSET', KEYS[11], ARGV[i], ARGV[i + 1])
        redis.call('EXPIRE', KEYS[11], 93600)
    else
        redis.call('DEL', KEYS[10] .. ARGV[i])
    end
end
local expiry = string.format('%.0f', now / 1000 + tonumber(ARGV[2]))
local charged = 0
for i = first, #ARGV, 3 do
    redis.call('ZADD', KEYS[4], expiry, ARGV[i])
    redis.call('HSET', KEYS[5], ARGV[i], 'f' .. ARGV[i + 1] .. '|0|' .. ARGV[i + 2])
    if ARGV[i + 2] ~= '' then charged = charged + 1 end
end
redis.call('HSET', KEYS[7], 'charged', charged)
redis.call('EXPIRE', KEYS[7], 3600)
if tonumber(ARGV[3]) > 0 then
    redis.call('HSET', KEYS[7], 'pausedUntil', string.format('%.0f', now + tonumber(ARGV[3]) * 1000))
    redis.call('EXPIRE', KEYS[7], 3600 + math.ceil(tonumber(ARGV[3]) / 1000))
end
redis.call('SET', KEYS[1], ARGV[1])
return (#ARGV - first + 1) / 3
