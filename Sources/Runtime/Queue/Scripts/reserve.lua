#!lua
-- Takes up to `count` ids from a lane and gives each a timed slot: the permission to send one message at one instant.
--
-- KEYS  1 epoch  2 pace  3 ring  4 ready  5 delayed  6 leases  7 held  8 passes
-- ARGV  1 epoch  2 token  3 count  4 interval µs  5 horizon µs  6 lead µs  7 lease ms  8 cap (0: no ring)
-- Returns {'slots', id, offset µs, …} with offsets from the server's now, or {'stale', epoch}, {'paused', ms},
-- {'empty', ms until the next retry or -1}, {'wait', ms}.
--
-- A script is not undone when it fails half way, so everything is checked before anything is written, and the ids
-- leave the ready set last.
local count, interval = tonumber(ARGV[3]), tonumber(ARGV[4])
local horizon, lead = tonumber(ARGV[5]), tonumber(ARGV[6])
local lease, cap = tonumber(ARGV[7]), tonumber(ARGV[8])
if not (count and count >= 1 and count <= 500 and interval and interval > 0 and horizon and horizon > 0
    and lead and lead >= 0 and lease and lease > 0 and cap and cap >= 0) then
    return redis.error_reply('ERR reserve: count must be 1 to 500, and interval, horizon and lease positive')
end

local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then return {'stale', epoch or ''} end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local pausedUntil = tonumber(redis.call('HGET', KEYS[2], 'pausedUntil') or 0)
if pausedUntil > now then return {'paused', math.ceil((pausedUntil - now) / 1000)} end

-- Retries whose time has come go to the front of the line.
local due = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', string.format('%.0f', now / 1000), 'LIMIT', 0, 500)
if #due > 0 then
    local front = redis.call('HGET', KEYS[8], 'virtual') or '0'
    for _, id in ipairs(due) do
        redis.call('ZADD', KEYS[4], front, id)
        redis.call('ZREM', KEYS[5], id)
    end
end

local available = redis.call('ZCARD', KEYS[4])
if available == 0 then
    local next = redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES')
    return {'empty', next[2] and math.max(1, math.ceil(next[2] - now / 1000)) or -1}
end

-- No memory of the last slot means that we cannot know who sent what within the last second: wait it out.
local nextSlot = tonumber(redis.call('HGET', KEYS[2], 'next'))
if not nextSlot or nextSlot > now + horizon + 1000000 + interval then
    if nextSlot then redis.call('HINCRBY', KEYS[2], 'clamped', 1) end
    redis.call('HSET', KEYS[2], 'next', string.format('%.3f', now + 1000000))
    redis.call('EXPIRE', KEYS[2], 3600)
    return {'wait', 1000}
end

-- The spacing makes the pace smooth; the ring of the last `cap` slots holds it also when the rate has just changed.
local first = math.max(cap - count, 0)
local history = cap > 0 and redis.call('LRANGE', KEYS[3], first, cap - 1) or {}
local slots = {}
local slot = math.max(nextSlot, now + lead)
for k = 1, math.min(count, available) do
    local earlier
    if cap > 0 then
        if k > cap then earlier = slots[k - cap] else earlier = tonumber(history[cap - k - first + 1]) end
    end
    if earlier and slot < earlier + 1000000 then slot = earlier + 1000000 end
    if slot > now + horizon then break end
    slots[k] = slot
    slot = slot + interval
end
if #slots == 0 then return {'wait', math.max(1, math.ceil((slot - now - horizon) / 1000))} end

local chosen = redis.call('ZRANGE', KEYS[4], 0, #slots - 1, 'WITHSCORES')
local answer, leases, held, ids, grants = {'slots'}, {}, {}, {}, {}
for k = 1, #slots do
    local id, pass = chosen[2 * k - 1], chosen[2 * k]
    ids[k] = id
    grants[k] = string.format('%.0f', slots[k])
    leases[2 * k - 1] = string.format('%.0f', slots[k] / 1000 + lease)
    leases[2 * k] = id
    held[2 * k - 1] = id
    held[2 * k] = 'r' .. ARGV[2] .. '|' .. pass
    answer[2 * k] = id
    answer[2 * k + 1] = math.floor(slots[k] - now)
end
local last = chosen[2 * #slots]
if tonumber(last) >= 0 then redis.call('HSET', KEYS[8], 'virtual', last) end
redis.call('HSET', KEYS[2], 'next', string.format('%.3f', slot))
redis.call('EXPIRE', KEYS[2], 3600)
if cap > 0 then
    redis.call('LPUSH', KEYS[3], unpack(grants))
    redis.call('LTRIM', KEYS[3], 0, cap - 1)
    redis.call('EXPIRE', KEYS[3], 60)
end
redis.call('ZADD', KEYS[6], unpack(leases))
redis.call('HSET', KEYS[7], unpack(held))
redis.call('ZREM', KEYS[4], unpack(ids))
-- An empty line has no turns to remember.
if available == #slots then redis.call('DEL', KEYS[8]) end
return answer
