#!lua flags=allow-oom
-- Marks the messages of a lease as r (being prepared, which may crash the worker) or p (prepared, waiting for their slots).
-- Messages whose request may have been written are not changed.
--
-- KEYS  1 held
-- ARGV  1 lease  2 r|p  3… ids
-- Returns how many were marked.
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
