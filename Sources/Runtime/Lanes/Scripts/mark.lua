#!lua flags=allow-oom
-- Notes what the holder does with its messages: r (prepares them, and may die of it) or p (waits for their slots). Once
-- a request may have been written nothing is noted any more.
--
-- KEYS  1 held
-- ARGV  1 token  2 r|p  3… ids
-- Returns how many were noted.
local rest = ARGV[1] .. '|'
local noted = {}
for i, holder in ipairs(redis.call('HMGET', KEYS[1], unpack(ARGV, 3))) do
    local state = holder and string.sub(holder, 1, 1)
    if (state == 'r' or state == 'p') and string.sub(holder, 2, #rest + 1) == rest then
        noted[#noted + 1] = ARGV[i + 2]
        noted[#noted + 1] = ARGV[2] .. string.sub(holder, 2)
    end
end
if #noted > 0 then redis.call('HSET', KEYS[1], unpack(noted)) end
return #noted / 2
