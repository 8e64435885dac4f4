#!lua flags=allow-oom
-- Ends leases, after the outcome is in Postgres: `done` removes the id, `void` removes the id of a message that was not
-- accepted, `release` puts it back to its place in the queue, `delay` makes it ready again later. All but `done` give the
-- quota charge back. Leases that another daemon has taken over are not changed. Safe to repeat.
--
-- KEYS  1 ready  2 delayed  3 leases  4 held  5 outside  6 outside-delayed  7 pace  8 prefix of the quota's buckets
--       9 counts
-- ARGV  1… groups of lease, verb, ms (of delay), queue (in, out, or empty: the former one), number of ids, ids
-- Returns how many leases were ended.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local ids, groups, ended, landed = {}, {}, {}, 0
local first = 1
while ARGV[first] do
    local last = first + 4 + tonumber(ARGV[first + 4])
    for i = first + 5, last do
        ids[#ids + 1] = ARGV[i]
        groups[#ids] = first
    end
    first = last + 1
end
if #ids == 0 then return 0 end
local entries = redis.call('HMGET', KEYS[4], unpack(ids))
for n, entry in ipairs(entries) do
    local i, id = groups[n], ids[n]
    local verb, line = ARGV[i + 1], ARGV[i + 3]
    local lease, pass, bucket = string.match(entry or '', '^.([^|]*)|([^|]*)|?([^|]*)')
    if lease == ARGV[i] then
        local isOutside = line == 'out' or (line == '' and bucket ~= '')
        if verb == 'release' then
            redis.call('ZADD', KEYS[isOutside and 5 or 1], pass, id)
        elseif verb == 'delay' then
            redis.call('ZADD', KEYS[isOutside and 6 or 2], string.format('%.0f', now + tonumber(ARGV[i + 2])), id)
        end
        if bucket ~= '' then
            landed = landed + 1
            local key = KEYS[8] .. bucket
            if verb ~= 'done' and tonumber(redis.call('GET', key) or 0) > 0 then
                redis.call('DECR', key)
                if tonumber(redis.call('HGET', KEYS[9], bucket) or 0) > 0 then
                    redis.call('HINCRBY', KEYS[9], bucket, -1)
                end
            end
        end
        ended[#ended + 1] = id
    end
end
if landed > 0 and redis.call('HEXISTS', KEYS[7], 'charged') == 1 then
    redis.call('HINCRBY', KEYS[7], 'charged', -landed)
end
if #ended > 0 then
    redis.call('ZREM', KEYS[3], unpack(ended))
    redis.call('HDEL', KEYS[4], unpack(ended))
end
return #ended
