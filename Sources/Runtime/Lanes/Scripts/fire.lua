#!lua
-- Clearance, the last check before a request is written: may these messages still be sent, and do we still hold their
-- leases? Cleared messages are marked, so a daemon that takes over their lease knows that the request may have been written.
--
-- KEYS  1 epoch  2 pace  3 leases  4 held
-- ARGV  1 epoch  2 lease  3 lease ms  4… ids
-- Returns a list of 1 (cleared) and 0 (the lease is lost), or {'stale'} or {'paused', ms}.
local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then return {'stale'} end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local pausedUntil = tonumber(redis.call('HGET', KEYS[2], 'pausedUntil') or 0)
if pausedUntil > now then return {'paused', math.ceil((pausedUntil - now) / 1000)} end

if #ARGV < 4 then return {} end
local expiry = string.format('%.0f', now / 1000 + tonumber(ARGV[3]))
local mine = '[rp]' .. ARGV[2] .. '|'
local entries = redis.call('HMGET', KEYS[4], unpack(ARGV, 4))
local answer, held, leases = {}, {}, {}
for i, entry in ipairs(entries) do
    if entry and string.find(entry, mine) == 1 then
        held[#held + 1] = ARGV[i + 3]
        held[#held + 1] = 'f' .. string.sub(entry, 2)
        leases[#leases + 1] = expiry
        leases[#leases + 1] = ARGV[i + 3]
        answer[i] = 1
    else
        answer[i] = 0
    end
end
if #held > 0 then
    redis.call('HSET', KEYS[4], unpack(held))
    redis.call('ZADD', KEYS[3], unpack(leases))
end
return answer
