#!lua flags=allow-oom
-- Notes what a worker does with the messages of its lease: r (prepares them, and may die of it) or p (waits for their slots). Once
-- a request may have been written nothing is noted any more.
--
-- KEYS  1 held
-- ARGV  1 lease  2 r|p  3… ids
-- Returns how many were noted.
local rest = ARGV[1] .. '|'
local noted = {}
for i, entry in ipairs(redis.call('HMGET', KEYS[1], unpack(ARGV, 3))) do
    local state = entry and string.sub(entry, 1, 1)
    if (state == 'r' or state == 'p') and string.sub(entry, 2, #rest + 1) == rest then
        noted[#noted + 1] = ARGV[i + 2]
        noted[#noted + 1] = ARGV[2] .. string.sub(entry, 2)
    end
end
if #noted > 0 then redis.call('HSET', KEYS[1], unpack(noted)) end
return #noted / 2
