#!lua
-- Pushes ids into a lane. Each run has its own turn counter (pass), which starts at the pass of the id that is next, so runs
-- take turns and a small run does not wait for a big one. Triggered messages go before all bulk messages. Ids that are in
-- the lane already keep their place. Safe to repeat.
--
-- KEYS  1 epoch  2 ready  3 delayed  4 held  5 passes  6 outside  7 outside-delayed
-- ARGV  1 epoch  2 run  3 bulk|triggered  4… triples of id, delay in ms, and queue (in, or out if business-initiated)
-- Returns the length of both queues, or -1 when the lane has another epoch.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local triggered = ARGV[3] == 'triggered'
local turn = triggered and 'triggered' or ARGV[2]
local pass = tonumber(redis.call('HGET', KEYS[5], turn) or 0)
if not triggered then pass = math.max(pass, tonumber(redis.call('HGET', KEYS[5], 'virtual') or 0)) end

-- One command for all ids instead of several for each: commands take most of the time of a script of this size.
local ids, isKnown = {}, {}
for i = 4, #ARGV, 3 do ids[#ids + 1] = ARGV[i] end
if #ids == 0 then return redis.call('ZCARD', KEYS[2]) + redis.call('ZCARD', KEYS[6]) end
for n, entry in ipairs(redis.call('HMGET', KEYS[4], unpack(ids))) do isKnown[n] = entry end
-- Looks for ids in a queue that is not their own; `line` nil is for all ids.
local function lookUp(key, line)
    if redis.call('ZCARD', key) == 0 then return end
    for n, score in ipairs(redis.call('ZMSCORE', key, unpack(ids))) do
        isKnown[n] = isKnown[n] or score and (not line or ARGV[3 * n + 3] == line)
    end
end
lookUp(KEYS[3])
lookUp(KEYS[7])
lookUp(KEYS[2], 'out')
lookUp(KEYS[6], 'in')

local lines = {}
for n, id in ipairs(ids) do
    if not isKnown[n] then
        local delay, isOutside = tonumber(ARGV[3 * n + 2]), ARGV[3 * n + 3] == 'out'
        local key, place
        if delay > 0 then
            key, place = KEYS[isOutside and 7 or 3], now + delay
        else
            pass = pass + 1
            key, place = KEYS[isOutside and 6 or 2], triggered and pass - 1e15 or pass
        end
        local line = lines[key] or {}
        lines[key] = line
        line[#line + 1] = string.format('%.0f', place)
        line[#line + 1] = id
    end
end
local added = 0
for n = 1, 4 do
    local key = KEYS[({2, 3, 6, 7})[n]]
    if lines[key] then
        local new = redis.call('ZADD', key, 'NX', unpack(lines[key]))
        if n % 2 == 1 then added = added + new end
    end
end
-- Turns are kept for as long as the queues hold ids.
if added > 0 then redis.call('HSET', KEYS[5], turn, string.format('%.0f', pass)) end
return redis.call('ZCARD', KEYS[2]) + redis.call('ZCARD', KEYS[6])
