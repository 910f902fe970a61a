-- The guard of streams in the other dialects, and where all begin. A stream runs
-- through here on the way back from a provider, before ext_proc sees the answer.
-- The orders stand in dynamic metadata "dragoman.guard"; tail names the dialect
-- whose end shall tell the truth: the end marker where only that is missing, an
-- error event where no finish has passed, unless the last event is one. Every byte
-- passes at once. Of an answer
-- in one piece only the end is read, if it is too long for ext_proc.

-- Bytes before a chunk in which a mark may have begun.
local SEAM = 64
-- Bytes of a stream's beginning and end in which usage is looked for, and of a
-- usage object.
local HEAD, TAIL, USAGE = 4096, 8192, 2048
-- Bytes of an answer in one piece that ext_proc holds at most, and reads itself.
local HELD = 32768

local CUT = "the provider ended the stream before it was complete"

-- By dialect:
--   finish   members whose value is a string once the stream has finished, or
--   marks    the words of its last event, which finish it too; failed is the one
--            that says it failed
--   done     the end marker that follows, nil if none does
--   supply   that marker as an event
--   broken   the error event; Google's SDKs take it for one without "data:"
--   usage    the pattern of usage objects; first = the beginning has one, too
--   told     the member that says why, and how if it is no string
--   numbered the events are numbered, the error event as the next one
-- WHOLE are those whose streams are guarded elsewhere, or that have none.
local USAGES = '"usage"%s*:%s*(%b{})'
local WHOLE = {
  openai = { usage = USAGES, told = { 'finish_reason"' } },
  embeddings = { usage = USAGES, told = { 'finish_reason"' } },
}
local DIALECTS = {
  anthropic = {
    finish = { 'stop_reason"' }, marks = {}, done = '"message_stop"',
    supply = 'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    broken = 'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"' .. CUT .. '"}}\n\n',
    usage = USAGES, first = true, told = { 'stop_reason"' },
  },
  responses = {
    finish = {}, marks = { '"response.completed"', '"response.incomplete"', '"response.failed"' }, failed = '"response.failed"',
    broken = 'event: error\ndata: {"type":"error","code":"upstream_incomplete","message":"' .. CUT .. '","param":null}\n\n',
    usage = USAGES, numbered = true,
    told = { 'incomplete_details"', '^{%s*"reason"%s*:%s*"([%w_]+)"' },
  },
  gemini = {
    finish = { 'finishReason"', 'blockReason"' }, marks = {},
    broken = '{"error":{"code":502,"message":"' .. CUT .. '","status":"UNAVAILABLE"}}\n\n',
    usage = '"usageMetadata"%s*:%s*(%b{})', told = { 'finishReason"' },
  },
}

-- finished tells whether s has what finishes a stream.
local function finished(d, s)
  for i = 1, #d.finish do
    local v, k = member(s, d.finish[i], 1)
    while v ~= nil do
      local c = byte(s, k + 1)
      if v == 34 and c ~= nil and c ~= 34 then return true end
      v, k = member(s, d.finish[i], k)
    end
  end
  for i = 1, #d.marks do
    if find(s, d.marks[i], 1, true) ~= nil then return true end
  end
  return false
end

-- note leaves the usage objects of a stream for the access log, as the provider
-- wrote them: that of its beginning and the last one.
local function note(handle, d, head, said)
  local first, last
  if d.first then first = string.match(head, d.usage) end
  for found in string.gmatch(said, d.usage) do last = found end
  if last ~= nil and #last > USAGE then last = nil end
  if first ~= nil and #first <= USAGE and first ~= last then
    last = last ~= nil and first .. "\n" .. last or first
  end
  if last == nil then return end
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set("dragoman.usage", "raw", last)
  local word = told(said, d.told[1], d.told[2])
  if word ~= nil then metadata:set("dragoman.usage", "finish", word) end
end

-- number gives the last sequence_number in s, or else what it was before.
local function number(s, before)
  local a, b = find(s, '"sequence_number":', 1, true)
  while a ~= nil do
    before = tonumber(string.match(s, "^ *(%d+)", b + 1)) or before
    a, b = find(s, '"sequence_number":', b, true)
  end
  return before
end

-- ended gives what a stream lacks, with the line ends of what has passed, which
-- is seam at last, and numbered if events are counted: Google's Go SDK knows only one kind in a stream.
local function ended(what, seam, count)
  if count ~= nil then what = sub(what, 1, -4) .. ',"sequence_number":' .. count + 1 .. "}\n\n" end
  if seam ~= "" and not whole(seam) then what = (byte(seam, -1) == 10 and "\n" or "\n\n") .. what end
  if find(seam, "\r\n", 1, true) ~= nil then what = gsub(what, "\n", "\r\n") end
  return what
end

-- truthful guards a stream of dialect d.
local function truthful(handle, d)
  local over, done, count, last = false, false, nil, "\n\n"
  local head, said, seam, chunk, out = "", "", "", nil, ""
  for c in handle:bodyChunks() do
    chunk, out = c, ""
    local n = c:length()
    if n > 0 then
      out = c:getBytes(0, n)
      last = follow(last, out)
      local s = seam .. out
      if d.first and #head < HEAD then head = head .. sub(out, 1, HEAD) end
      if not over and finished(d, s) then
        over = true
        if d.failed ~= nil and find(s, d.failed, 1, true) ~= nil then mark(handle, "failed") end
      end
      if d.numbered and not over then count = number(s, count) end
      if over then
        done = done or d.done == nil or find(s, d.done, 1, true) ~= nil
        said = sub(said == "" and s or said .. out, -TAIL)
      end
      seam = sub(s, -SEAM)
    end
  end
  note(handle, d, head, said)
  if over and done then return end
  local lacks = over and d.supply or d.broken
  if not over then
    local spoken = complains(last)
    mark(handle, spoken and "error" or "cut")
    if spoken then lacks, count = "", nil end
  end
  finally(handle, chunk, out, ended(lacks, seam, count))
end

-- overhear leaves what the end of a long answer in one piece tells.
local function overhear(handle, d)
  local said, size = "", 0
  for c in handle:bodyChunks() do
    local n = c:length()
    if n > 0 then said = sub(said .. c:getBytes(n > TAIL and n - TAIL or 0, n > TAIL and TAIL or n), -TAIL) end
    size = size + n
  end
  if size <= HELD then return end
  note(handle, d, "", said)
  if find(said, "[}%]]%s*$") == nil then mark(handle, "cut") end
end

function envoy_on_response(handle)
  local orders = handle:streamInfo():dynamicMetadata():get("dragoman.guard")
  if orders == nil then return end
  local how, d = form(handle), DIALECTS[orders.tail or ""]
  if how == "whole" then
    d = d or WHOLE[orders.tail or ""]
    if d ~= nil then overhear(handle, d) end
  elseif how == "stream" then
    if d ~= nil then truthful(handle, d) else chat(handle, orders) end
  end
end
