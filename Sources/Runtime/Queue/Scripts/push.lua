#!lua
-- Puts ids into a lane. Each run has its own turn counter that starts where the line stands, so runs go in turn and a
-- small one is not stuck behind a big one; triggered messages stand before all bulk. Ids that are in the lane already
-- stay where they are. Safe to repeat.
--
-- KEYS  1 epoch  2 ready  3 delayed  4 held  5 passes  6 outside  7 outside-delayed
-- ARGV  1 epoch  2 run  3 bulk|triggered  4… triples of id, delay in ms, and line (in, or out if business-initiated)
-- Returns the length of both lines, or -1 when the epoch is not ours.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local triggered = ARGV[3] == 'triggered'
local turn = triggered and 'triggered' or ARGV[2]
local pass = tonumber(redis.call('HGET', KEYS[5], turn) or 0)
if not triggered then pass = math.max(pass, tonumber(redis.call('HGET', KEYS[5], 'virtual') or 0)) end
local added = 0
for i = 4, #ARGV, 3 do
    local id, delay, isOutside = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2] == 'out'
    local isKnown = redis.call('HEXISTS', KEYS[4], id) == 1
    for _, key in ipairs({KEYS[3], KEYS[7], KEYS[isOutside and 2 or 6]}) do
        isKnown = isKnown or redis.call('ZSCORE', key, id)
    end
    if not isKnown then
        if delay > 0 then
            redis.call('ZADD', KEYS[isOutside and 7 or 3], string.format('%.0f', now + delay), id)
        else
            pass = pass + 1
            local place = string.format('%.0f', triggered and pass - 1e15 or pass)
            added = added + redis.call('ZADD', KEYS[isOutside and 6 or 2], 'NX', place, id)
        end
    end
end
-- Turns are remembered for as long as somebody stands in the line.
if added > 0 then redis.call('HSET', KEYS[5], turn, string.format('%.0f', pass)) end
return redis.call('ZCARD', KEYS[2]) + redis.call('ZCARD', KEYS[6])
