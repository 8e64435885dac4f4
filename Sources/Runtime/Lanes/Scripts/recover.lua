#!lua flags=allow-oom
-- The reaper: takes over expired leases under a new lease. Postgres then decides what happens to their messages. It knows them
-- by the lease under which they were claimed, so each entry keeps that one too, in case this reaper dies as well.
--
-- KEYS  1 leases  2 held
-- ARGV  1 lease  2 lease ms  3 limit
-- Returns id, state, lease, … with state r (not written, perhaps being prepared), p (prepared, not written), f (the request
-- may have been written) or ? (unknown), and the lease under which it was claimed, empty if unknown.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, tonumber(ARGV[3]))
local answer = {}
for _, id in ipairs(expired) do
    local entry = redis.call('HGET', KEYS[2], id)
    local state, lease, pass, bucket, claim = string.match(entry or '', '^(.)([^|]*)|([^|]*)|?([^|]*)|?(.*)$')
    if not state then state, lease, pass, bucket, claim = '?', '', '0', '', '-' end
    if claim == '' then claim = lease ~= '' and lease or '-' end
    local held = ((state == 'r' or state == 'p') and 'p' or 'f') .. ARGV[1]
    redis.call('HSET', KEYS[2], id, table.concat({held, pass, bucket, claim}, '|'))
    redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[2])), id)
    answer[#answer + 1] = id
    answer[#answer + 1] = state
    answer[#answer + 1] = claim == '-' and '' or claim
end
return answer
