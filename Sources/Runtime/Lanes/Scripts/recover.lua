#!lua flags=allow-oom
-- The reaper: takes over expired leases under a new lease. Postgres then decides what happens to their messages.
--
-- KEYS  1 leases  2 held
-- ARGV  1 lease  2 lease ms  3 limit
-- Returns id, state, lease, … with state r (not written, perhaps being prepared), p (prepared, not written), f (the request
-- may have been written) or ? (unknown), and the lease that expired, empty if unknown.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, tonumber(ARGV[3]))
local answer = {}
for _, id in ipairs(expired) do
    local entry = redis.call('HGET', KEYS[2], id)
    local bar = entry and string.find(entry, '|', 1, true)
    local state = bar and string.sub(entry, 1, 1) or '?'
    local lease = bar and string.sub(entry, 2, bar - 1) or ''
    local pass = bar and string.sub(entry, bar + 1) or '0'
    redis.call('HSET', KEYS[2], id, ((state == 'r' or state == 'p') and 'p' or 'f') .. ARGV[1] .. '|' .. pass)
    redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[2])), id)
    answer[#answer + 1] = id
    answer[#answer + 1] = state
    answer[#answer + 1] = lease
end
return answer
