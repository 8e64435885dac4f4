-- Script for wrk: makes the requests, and prints one line of JSON with the results.
--
--   BENCH_NAME=hook BENCH_JWT=… BENCH_CONTACTS=200000 wrk -t1 -s requests.lua …
--
-- BENCH_NAME is hello, hook, event (a hook call with an event id), webhook or analytics. Answers other than 2xx and broken connections count as failed.
-- With BENCH_DELAY each connection waits so many milliseconds before a request. Webhooks come from the file BENCH_WEBHOOKS, line by line from BENCH_FIRST on; use one thread for them.
local name = os.getenv('BENCH_NAME')
local token = 'Bearer ' .. (os.getenv('BENCH_JWT') or '')
local contacts = tonumber(os.getenv('BENCH_CONTACTS') or '1')
local nextWebhook
local events = 0
local series

-- The lines of the file, repeatedly. They are read on demand: with a hundred thousand of them in memory, garbage
-- collection pauses wrk for a fifth of a second, and every request seems to take that long.
local function webhooks(first)
    local lines = io.lines(os.getenv('BENCH_WEBHOOKS'))
    for _ = 1, first do lines() end
    return function()
        local line = lines()
        if not line then
            lines = io.lines(os.getenv('BENCH_WEBHOOKS'))
            line = lines()
        end
        return line
    end
end

local wait = tonumber(os.getenv('BENCH_DELAY') or '0')
if wait > 0 then
    function delay() return wait end
end

function init()
    math.randomseed(os.time())
    series = os.time() .. '-' .. math.random(1, 1000000) .. '-'
    if name == 'webhook' then nextWebhook = webhooks(tonumber(os.getenv('BENCH_FIRST') or '0')) end
end

function request()
    if name == 'hook' or name == 'event' then
        local id = ''
        if name == 'event' then
            events = events + 1
            id = '"eventId":"' .. series .. events .. '",'
        end
        local body = '{' .. id .. '"contactId":"' .. (254700000000 + math.random(1, contacts))
            .. '","context":{"amount":"12.50","orderId":"order-' .. math.random(1, 1000000) .. '"}}'
        return wrk.format('POST', '/triggers/bench.event',
            { ['Authorization'] = token, ['Content-Type'] = 'application/json' }, body)
    elseif name == 'webhook' then
        local line = nextWebhook()
        return wrk.format('POST', '/webhooks/whatsapp',
            { ['X-Hub-Signature-256'] = 'sha256=' .. line:sub(1, 64), ['Content-Type'] = 'application/json' }, line:sub(66))
    elseif name == 'analytics' then
        return wrk.format('GET', '/campaigns/' .. os.getenv('BENCH_CAMPAIGN') .. '/analytics', { ['Authorization'] = token })
    end
    return wrk.format('GET', '/healthz')
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format(
        'RESULT {"perSecond":%.1f,"p50":%.3f,"p99":%.3f,"failed":%d,"requests":%d}\n',
        summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        e.status + e.connect + e.read + e.write + e.timeout, summary.requests))
end
