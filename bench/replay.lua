-- Lets wrk replay a file of requests and count what was answered.
-- Arguments: the file, the insurer's key, and `cycle` or `once`.
-- A line of the file: METHOD <tab> PATH <tab> IDEMPOTENCY KEY <tab> ETAG <tab> BODY; the last three
-- may be empty.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  once = arguments[3] == "once"
  requests, position, exhausted = {}, 0, false
  statuses, first_bad = {}, ""
  for line in io.lines(arguments[1]) do
    local method, path, key, etag, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
    -- The site believes its proxy that the call came by https.
    local headers = { ["Authorization"] = "Bearer " .. arguments[2], ["X-Forwarded-Proto"] = "https" }
    if etag ~= "" then
      headers["If-None-Match"] = etag
    end
    if body ~= "" then
      headers["Content-Type"] = "application/json"
      headers["Idempotency-Key"] = key
    end
    table.insert(requests, wrk.format(method, path, headers, body ~= "" and body or nil))
  end
end

function request()
  position = position + 1
  if position > #requests then
    if once then
      exhausted = true
      wrk.thread:stop()
    end
    position = once and #requests or 1
  end
  return requests[position]
end

function response(status, _, body)
  local name = tostring(status)
  statuses[name] = (statuses[name] or 0) + 1
  if status >= 400 and first_bad == "" then
    first_bad = name .. " " .. body:sub(1, 300)
  end
end

function done(summary, latency)
  local thread = threads[1]
  local counted = {}
  for status, count in pairs(thread:get("statuses")) do
    table.insert(counted, string.format('"%s":%d', status, count))
  end
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"seconds":%.4f,"median_ms":%.3f,"p99_ms":%.3f,"statuses":{%s},"unanswered":%d,"exhausted":%s,"first_bad":"%s"}\n',
    summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    table.concat(counted, ","), errors.connect + errors.read + errors.write + errors.timeout,
    tostring(thread:get("exhausted")), (thread:get("first_bad"):gsub('[%c"\\]', " "))))
end
