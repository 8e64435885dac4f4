#!lua flags=no-writes
-- Finds commands that the user may not run on the keys and the channel of lanes.
--
-- KEYS  1 epoch  2 a bucket of the quota
-- ARGV  1 channel  2… names of commands
-- Returns the names of those that are refused. Keys that are refused are an error of the call itself.
local channel, missing = ARGV[1], {}
local keyless = {ping = true, time = true, info = true}
for i = 2, #ARGV do
    local name = ARGV[i]
    local isAllowed
    if name == 'publish' then
        isAllowed = redis.acl_check_cmd(name, channel, '')
    elseif name == 'subscribe' then
        isAllowed = redis.acl_check_cmd(name, channel)
    elseif name == 'eval' or name == 'evalsha' then
        isAllowed = redis.acl_check_cmd(name, '', '0')
    elseif keyless[name] then
        isAllowed = redis.acl_check_cmd(name)
    else
        isAllowed = redis.acl_check_cmd(name, KEYS[1])
    end
    if not isAllowed then missing[#missing + 1] = name end
end
return missing
