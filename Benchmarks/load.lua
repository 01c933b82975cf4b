-- SPDX-License-Identifier: Apache-2.0
-- Given to wrk: sends "depth" requests at a time (its argument), and reports exact totals as one line.

function init(args)
    local depth = tonumber(args[1] or "1")
    if depth > 1 then
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
