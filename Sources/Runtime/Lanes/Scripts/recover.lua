#!lua flags=allow-oom
-- The reaper: takes over expired leases under a new lease. Postgres then decides what happens to their messages. It knows them
-- by the lease under which they were claimed, so each entry keeps that one too, in case this reaper dies as well.
--
-- KEYS  1 epoch  2 leases  3 held
-- ARGV  1 epoch  2 lease  3 lease ms  4 limit
-- Returns id, state, lease, … with state r (not written, perhaps being prepared), p (prepared, not written), f (the request
-- may have been written) or ? (unknown), and the lease under which it was claimed, empty if unknown.
-- Returns nothing when the lane has another epoch: states of messages may be lost then, and the lane is rebuilt.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {} end
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local expired = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now), 'LIMIT', 0, tonumber(ARGV[4]))
local answer = {}
for _, id in ipairs(expired) do
    local entry = redis.call('HGET', KEYS[3], id)
    local state, lease, pass, bucket, claim = string.match(entry or '', '^(.)([^|]*)|([^|]*)|?([^|]*)|?(.*)$')
    if not state then state, lease, pass, bucket, claim = '?', '', '0', '', '-' end
    if claim == '' then claim = lease ~= '' and lease or '-' end
    local held = ((state == 'r' or state == 'p') and 'p' or 'f') .. ARGV[2]
    redis.call('HSET', KEYS[3], id, table.concat({held, pass, bucket, claim}, '|'))
    redis.call('ZADD', KEYS[2], string.format('%.0f', now + tonumber(ARGV[3])), id)
    answer[#answer + 1] = id
    answer[#answer + 1] = state
    answer[#answer + 1] = claim == '-' and '' or claim
end
return answer
