#!lua
-- Puts ids into a lane. Each run has its own turn counter that starts where the line stands, so runs go in turn and a
-- small one is not stuck behind a big one; triggered messages stand before all bulk. Ids that are in the lane already
-- stay where they are. Safe to repeat.
--
-- KEYS  1 epoch  2 ready  3 delayed  4 held  5 passes
-- ARGV  1 epoch  2 run  3 bulk|triggered  4… pairs of id and delay in ms
-- Returns the length of the line, or -1 when the epoch is not ours.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local triggered = ARGV[3] == 'triggered'
local turn = triggered and 'triggered' or ARGV[2]
local pass = tonumber(redis.call('HGET', KEYS[5], turn) or 0)
if not triggered then pass = math.max(pass, tonumber(redis.call('HGET', KEYS[5], 'virtual') or 0)) end
local added = 0
for i = 4, #ARGV, 2 do
    local id, delay = ARGV[i], tonumber(ARGV[i + 1])
    if redis.call('HEXISTS', KEYS[4], id) == 0 and not redis.call('ZSCORE', KEYS[3], id) then
        if delay > 0 then
            redis.call('ZADD', KEYS[3], string.format('%.0f', now + delay), id)
        else
            pass = pass + 1
            added = added + redis.call('ZADD', KEYS[2], 'NX', string.format('%.0f', triggered and pass - 1e15 or pass), id)
        end
    end
end
-- Turns are remembered for as long as somebody stands in the line.
if added > 0 then redis.call('HSET', KEYS[5], turn, string.format('%.0f', pass)) end
return redis.call('ZCARD', KEYS[2])
