-- SPDX-License-Identifier: Apache-2.0
-- Given to wrk: sends "depth" requests at a time (its first argument), goes in turn through "mix" paths that begin
-- with /m0/, /m1/ and so on where its second is not 0, and reports exact totals as one line.

function init(args)
    local depth = tonumber(args[1] or "1")
    local mix = tonumber(args[2] or "0")
    if mix > 0 then
        local requests, last = {}, 0
        for number = 1, mix do
            local path = wrk.path:gsub("^/m0/", "/m" .. (number - 1) .. "/")
            requests[number] = wrk.format(nil, path)
        end
        request = function()
            last = last % mix + 1
            return requests[last]
        end
    elseif depth > 1 then
        local batch = string.rep(wrk.format(), depth)
        request = function() return batch end
    end
end

function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format(
        "totals requests=%d p99=%d connect=%d read=%d write=%d status=%d timeout=%d\n",
        summary.requests, latency:percentile(99),
        e.connect, e.read, e.write, e.status, e.timeout))
end
