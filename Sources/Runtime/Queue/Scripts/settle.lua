#!lua flags=allow-oom
-- Ends leases, after Postgres knows the outcome: `done` forgets the id, `release` puts it back where it stood in the
-- line, `delay` keeps it for later. Leases that are not ours any more are left alone. Safe to repeat.
--
-- KEYS  1 ready  2 delayed  3 leases  4 held
-- ARGV  1… quadruples of id, token, verb, ms (of delay)
-- Returns how many leases were ended.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local ids, ended = {}, {}
for i = 1, #ARGV, 4 do ids[#ids + 1] = ARGV[i] end
if #ids == 0 then return 0 end
local holders = redis.call('HMGET', KEYS[4], unpack(ids))
for n, holder in ipairs(holders) do
    local i = 4 * n - 3
    local id, token, verb = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    local bar = holder and string.find(holder, '|', 1, true)
    if bar and string.sub(holder, 2, bar - 1) == token then
        if verb == 'release' then
            redis.call('ZADD', KEYS[1], string.sub(holder, bar + 1), id)
        elseif verb == 'delay' then
            redis.call('ZADD', KEYS[2], string.format('%.0f', now + tonumber(ARGV[i + 3])), id)
        end
        ended[#ended + 1] = id
    end
end
if #ended > 0 then
    redis.call('ZREM', KEYS[3], unpack(ended))
    redis.call('HDEL', KEYS[4], unpack(ended))
end
return #ended
