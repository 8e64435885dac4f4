#!lua flags=allow-oom
-- Ends the time of leases whose daemons have died, so that the reaper takes them over at once. Leases of messages that may have
-- been written keep their time, because a report may still settle them.
--
-- A daemon that only looks dead loses nothing but its place: it gets no clearance for what was taken over.
--
-- KEYS  1 leases  2 held
-- ARGV  1… numbers of dead daemons, of ten digits, with which their leases of 19 digits begin
-- Returns how many leases end now.
local isDead = {}
for _, number in ipairs(ARGV) do
    if #number ~= 10 then return redis.error_reply('ERR abandon: a number of a daemon has ten digits') end
    isDead[number] = true
end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + time[2] / 1000)
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
local count = 0
-- In portions, because a call takes some thousands of arguments at most.
for first = 1, #ids, 500 do
    local last = math.min(first + 499, #ids)
    local ending = {}
    for i, entry in ipairs(redis.call('HMGET', KEYS[2], unpack(ids, first, last))) do
        local state, lease = string.match(entry or '', '^(.)(%d*)|')
        if (state == 'r' or state == 'p') and #lease == 19 and isDead[string.sub(lease, 1, 10)] then
            ending[#ending + 1] = now
            ending[#ending + 1] = ids[first + i - 1]
        end
    end
    if #ending > 0 then redis.call('ZADD', KEYS[1], unpack(ending)) end
    count = count + #ending / 2
end
return count
