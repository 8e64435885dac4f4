#!lua
-- Reserves up to `count` ids of a lane and gives each a timed slot: the permission to send one message at one instant.
-- Business-initiated ids have a queue of their own (outside), and each is charged to the 24 h quota of the group; when the
-- quota is used up, only in-window ids are reserved. The quota counts this hour and the 24 before, so at least 24 hours:
-- nothing counts as old before WhatsApp stops counting it. After a pause the pace rises from a quarter to full within five
-- seconds; after an idle period the first second is a tenth slower.
--
-- KEYS  1 epoch  2 pace  3 ring  4 ready  5 delayed  6 leases  7 held  8 passes  9 outside  10 outside-delayed
--       11 prefix of the quota's buckets, which are named by the hour (YYYYMMDDHH, UTC)  12 counts (copy of the buckets)
-- ARGV  1 epoch  2 lease  3 count  4 interval µs  5 horizon µs  6 lead µs  7 lease ms  8 cap (0: no ring)
--       9 quota of 24 h (-1: unlimited)
-- Returns {'slots', exhausted, id, offset µs, charged (1 or 0), …} with offsets from the server's now, or
-- {'empty', ms until the next look or -1, exhausted}, {'stale', epoch}, {'paused', ms}, {'wait', ms}. `exhausted` is
-- the ms until quota returns when business-initiated ids wait for it, and -1 otherwise.
--
-- A script that fails is not rolled back, so everything is checked before anything is written, and ids leave the ready set
-- last.
local count, interval = tonumber(ARGV[3]), tonumber(ARGV[4])
local horizon, lead = tonumber(ARGV[5]), tonumber(ARGV[6])
local leaseTime, cap, limit = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
if not (count and count >= 1 and count <= 500 and interval and interval > 0 and horizon and horizon > 0
    and lead and lead >= 0 and leaseTime and leaseTime > 0 and cap and cap >= 0 and limit) then
    return redis.error_reply('ERR reserve: count must be 1 to 500, and interval, horizon and lease time positive')
end

local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then return {'stale', epoch or ''} end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local memory = redis.call('HMGET', KEYS[2], 'pausedUntil', 'next', 'coldUntil')
local pausedUntil, nextSlot, coldUntil = tonumber(memory[1] or 0), tonumber(memory[2]), tonumber(memory[3] or 0)
if pausedUntil > now then return {'paused', math.ceil((pausedUntil - now) / 1000)} end

local since = now - pausedUntil
local ramp = pausedUntil > 0 and since < 5000000 and 4 - 3 * since / 5000000 or 1

-- Retries that are due go to the front of their queue.
local nextRetry
for delayed, ready in pairs({[KEYS[5]] = KEYS[4], [KEYS[10]] = KEYS[9]}) do
    local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', string.format('%.0f', now / 1000), 'LIMIT', 0, 500)
    if #due > 0 then
        local front = redis.call('HGET', KEYS[8], 'virtual') or '0'
        for _, id in ipairs(due) do
            redis.call('ZADD', ready, front, id)
            redis.call('ZREM', delayed, id)
        end
    end
    local next = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
    if next[2] then
        local rest = math.max(1, math.ceil(next[2] - now / 1000))
        nextRetry = math.min(nextRetry or rest, rest)
    end
end

-- Returns the name (YYYYMMDDHH) of an hour that is counted from 1970.
local function bucket(hour)
    local days = math.floor(hour / 24) + 719468
    local era = math.floor(days / 146097)
    local doe = days - era * 146097
    local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
    local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
    local mp = math.floor((5 * doy + 2) / 153)
    local month = mp < 10 and mp + 3 or mp - 9
    local year = yoe + era * 400 + (month <= 2 and 1 or 0)
    return string.format('%04d%02d%02d%02d', year, month, doy - math.floor((153 * mp + 2) / 5) + 1, hour % 24)
end

local inside, outside = redis.call('ZCARD', KEYS[4]), redis.call('ZCARD', KEYS[9])
local hour = math.floor(tonumber(time[1]) / 3600)
local chargeable, exhausted = outside, -1
if outside > 0 and limit >= 0 then
    local hours, buckets = {}, {}
    for h = 1, 25 do
        hours[h] = bucket(hour - 25 + h)
        buckets[h] = KEYS[11] .. hours[h]
    end
    local counts = redis.call('HMGET', KEYS[12], unpack(hours))
    local used, takens = 0, {}
    for h, value in ipairs(redis.call('MGET', unpack(buckets))) do
        local taken = tonumber(value or 0) or 0
        -- A bucket was lost, so the rest of the quota is unknown. Deleting the epoch makes a daemon rebuild the group.
        if taken < (tonumber(counts[h] or 0) or 0) then
            redis.call('DEL', KEYS[1])
            return {'stale', ''}
        end
        used = used + taken
        takens[h] = taken
    end
    chargeable = math.max(0, math.min(outside, limit - used))
    -- Charges of messages under way may still be given back; until then the quota does not count as used up.
    if chargeable == 0 and tonumber(redis.call('HGET', KEYS[2], 'charged') or 0) <= 0 then
        -- Quota returns when enough of the oldest hours have left the count, each 25 hours after it began.
        local left, h = used, 0
        while left >= limit and h < 25 do
            h = h + 1
            left = left - takens[h]
        end
        exhausted = math.ceil((hour + math.max(h, 1)) * 3600000 - now / 1000)
    end
end

local available = inside + chargeable
if available == 0 then
    -- Ids that waited for quota may have been removed; empty queues need no turns.
    if inside + outside == 0 then redis.call('DEL', KEYS[8]) end
    if outside > 0 and exhausted < 0 then nextRetry = math.min(nextRetry or 100, 100) end
    return {'empty', nextRetry or -1, exhausted}
end

-- Without the last slot it is unknown how many messages were sent in the last second: wait for one second.
if not nextSlot or nextSlot > now + horizon + 1000000 + 4 * interval then
    if nextSlot then redis.call('HINCRBY', KEYS[2], 'clamped', 1) end
    redis.call('HSET', KEYS[2], 'next', string.format('%.3f', now + 1000000), 'coldUntil',
        string.format('%.0f', now + 2000000))
    redis.call('EXPIRE', KEYS[2], 3600)
    return {'wait', 1000}
end

-- The spacing makes the pace smooth; the ring of the last `cap` slots also keeps the limit when the rate has just changed.
local first = math.max(cap - count, 0)
local history = cap > 0 and redis.call('LRANGE', KEYS[3], first, cap - 1) or {}
local slots = {}
local slot = math.max(nextSlot, now + lead)
-- The first requests after an idle period open connections and arrive late, together with later requests, which could
-- exceed the rate in one second. A tenth fewer compensates for 120 ms, with the share that the pace leaves for jitter.
if now - nextSlot > 3000000 then
    coldUntil = slot + 1000000
    redis.call('HSET', KEYS[2], 'coldUntil', string.format('%.0f', coldUntil))
end
for k = 1, math.min(count, available) do
    local earlier
    if cap > 0 then
        if k > cap then earlier = slots[k - cap] else earlier = tonumber(history[cap - k - first + 1]) end
    end
    if earlier and slot < earlier + 1000000 then slot = earlier + 1000000 end
    if slot > now + horizon then break end
    slots[k] = slot
    slot = slot + interval * ramp * (slot < coldUntil and 1.1 or 1)
end
if #slots == 0 then return {'wait', math.max(1, math.ceil((slot - now - horizon) / 1000))} end

-- Both queues share one order: the id with the lower pass goes first.
local front = redis.call('ZRANGE', KEYS[4], 0, #slots - 1, 'WITHSCORES')
local back = chargeable > 0 and redis.call('ZRANGE', KEYS[9], 0, math.min(#slots, chargeable) - 1, 'WITHSCORES') or {}
local current = bucket(hour)
local answer, leases, held, grants = {'slots', exhausted}, {}, {}, {}
local fromFront, fromBack = {}, {}
local mine = 'r' .. ARGV[2] .. '|'
local pass
for k = 1, #slots do
    local f, b = 2 * #fromFront + 1, 2 * #fromBack + 1
    local isFront = front[f] and not (back[b] and tonumber(back[b + 1]) < tonumber(front[f + 1]))
    local id = isFront and front[f] or back[b]
    pass = isFront and front[f + 1] or back[b + 1]
    if isFront then fromFront[#fromFront + 1] = id else fromBack[#fromBack + 1] = id end
    if cap > 0 then grants[k] = string.format('%.0f', slots[k]) end
    leases[2 * k - 1] = string.format('%.0f', slots[k] / 1000 + leaseTime)
    leases[2 * k] = id
    held[2 * k - 1] = id
    held[2 * k] = mine .. pass .. '|' .. (isFront and '' or current)
    answer[3 * k] = id
    answer[3 * k + 1] = math.floor(slots[k] - now)
    answer[3 * k + 2] = isFront and 0 or 1
end
if tonumber(pass) >= 0 then redis.call('HSET', KEYS[8], 'virtual', pass) end
redis.call('HSET', KEYS[2], 'next', string.format('%.3f', slot))
redis.call('EXPIRE', KEYS[2], 3600)
if cap > 0 then
    redis.call('LPUSH', KEYS[3], unpack(grants))
    redis.call('LTRIM', KEYS[3], 0, cap - 1)
    redis.call('EXPIRE', KEYS[3], 60)
end
if #fromBack > 0 then
    redis.call('INCRBY', KEYS[11] .. current, #fromBack)
    redis.call('EXPIRE', KEYS[11] .. current, 93600)
    if redis.call('HINCRBY', KEYS[12], current, #fromBack) == #fromBack then
        -- A new hour begins: drop the hours that left the quota. Their names sort like their times.
        for _, name in ipairs(redis.call('HKEYS', KEYS[12])) do
            if name < bucket(hour - 24) then redis.call('HDEL', KEYS[12], name) end
        end
    end
    redis.call('EXPIRE', KEYS[12], 93600)
    redis.call('HINCRBY', KEYS[2], 'charged', #fromBack)
end
redis.call('ZADD', KEYS[6], unpack(leases))
-- Redis stores a hash of up to 512 short values as a list, and scans it for each lookup. One long value turns it into a
-- table, until the hash is empty.
local isLarge = redis.call('HLEN', KEYS[7]) + #slots > 32
if isLarge then redis.call('HSET', KEYS[7], '', string.rep('-', 65)) end
redis.call('HSET', KEYS[7], unpack(held))
if isLarge then redis.call('HDEL', KEYS[7], '') end
if #fromFront > 0 then redis.call('ZREM', KEYS[4], unpack(fromFront)) end
if #fromBack > 0 then redis.call('ZREM', KEYS[9], unpack(fromBack)) end
-- Empty queues need no turns.
if inside + outside == #slots then redis.call('DEL', KEYS[8]) end
return answer
