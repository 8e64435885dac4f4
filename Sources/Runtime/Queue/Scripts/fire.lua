#!lua
-- The last question before a request is written: may these messages still go out, and are they still ours? Those that
-- may are marked, so that whoever finds their lease without an outcome knows that the request may have been written.
--
-- KEYS  1 epoch  2 pace  3 leases  4 held
-- ARGV  1 epoch  2 token  3 lease ms  4… ids
-- Returns a list of 1 (go) and 0 (not ours any more), or {'stale'} or {'paused', ms}.
local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then return {'stale'} end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local pausedUntil = tonumber(redis.call('HGET', KEYS[2], 'pausedUntil') or 0)
if pausedUntil > now then return {'paused', math.ceil((pausedUntil - now) / 1000)} end

local expiry = string.format('%.0f', now / 1000 + tonumber(ARGV[3]))
local mine = 'r' .. ARGV[2] .. '|'
local answer = {}
for i = 4, #ARGV do
    local id = ARGV[i]
    local holder = redis.call('HGET', KEYS[4], id)
    if holder and string.sub(holder, 1, #mine) == mine then
        redis.call('HSET', KEYS[4], id, 'f' .. string.sub(holder, 2))
        redis.call('ZADD', KEYS[3], expiry, id)
        answer[#answer + 1] = 1
    else
        answer[#answer + 1] = 0
    end
end
return answer
