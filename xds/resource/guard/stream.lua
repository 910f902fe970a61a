-- The guard of OpenAI chat streams. Its orders:
--   usage = "drop"    remove events whose choices are empty and that carry
--                     usage: the gateway asked for them, the client did not
--   tail  = "openai"  make the end of the stream tell the truth: [DONE] where
--                     only that is missing, an error event where no
--                     finish_reason has passed, unless the last event is one
-- Everything else passes byte for byte and at once, but for the beginning of an
-- event that may still turn out to be a usage event.

-- Bytes of an unfinished event that are held at most; a longer one passes.
local BOUND = 16384
-- Bytes of an unfinished event that the search for the finish looks back on.
local LOOKBACK = 64

local DONE = "data: [DONE]\n\n"
local BROKEN = 'data: {"error":{"message":"the provider ended the stream before it was complete",'
  .. '"type":"upstream_error","code":"upstream_incomplete","param":null}}\n\n'

-- blank gives the last byte of the first blank line at or after from: two line
-- ends in a row, each "\n", "\r\n" or "\r".
local function blank(s, from)
  local _, e = nil, nil
  if find(s, "\r", from, true) == nil then
    _, e = find(s, "\n\n", from, true)
    return e
  end
  _, e = find(s, "\n[\r\n]", from)
  local _, f = find(s, "\r\r", from, true)
  if f ~= nil and (e == nil or f < e) then e = f end
  if e ~= nil and byte(s, e) == 13 and byte(s, e + 1) == 10 then e = e + 1 end
  return e
end

-- last_blank gives the last byte of the last blank line at or after from, or
-- from - 1. It looks near the end first: what follows it is short as a rule.
local function last_blank(s, from)
  local span = 512
  while true do
    local at = #s - span
    if at < from then at = from end
    local e = blank(s, at)
    if e ~= nil then
      repeat at, e = e, blank(s, e + 1) until e == nil
      return at
    end
    if at == from then return from - 1 end
    span = span * 8
  end
end

-- line gives the last byte of the line at i without and with its line end; nil
-- if the line has no end yet.
local function line(s, i)
  local a = find(s, "[\r\n]", i)
  if a == nil then return nil, nil end
  if byte(s, a) == 13 and byte(s, a + 1) == 10 then return a - 1, a + 1 end
  return a - 1, a
end

-- closing gives where the JSON string ends whose opening quote stands at i.
local function closing(s, i)
  while true do
    i = find(s, '"', i + 1, true)
    if i == nil then return nil end
    local k = i - 1
    while byte(s, k) == 92 do k = k - 1 end
    if (i - k) % 2 == 1 then return i end
  end
end

-- usage_only tells whether s is one JSON object whose own member choices is
-- an empty array and whose own member usage is an object.
local function usage_only(s)
  if skip(s, 1) ~= 123 then return false end
  local i, depth, choices, usage = 1, 0, false, false
  while true do
    local a = find(s, '["{}%[%]]', i)
    if a == nil then return false end
    local c = byte(s, a)
    if c == 34 then
      local b = closing(s, a)
      if b == nil then return false end
      local colon, j = skip(s, b + 1)
      if depth == 1 and colon == 58 then
        local name = sub(s, a + 1, b - 1)
        local v, k = skip(s, j + 1)
        if name == "choices" then
          choices = v == 91 and skip(s, k + 1) == 93
        elseif name == "usage" then
          usage = v == 123
        elseif name == "error" and v ~= 110 then
          return false
        end
      end
      i = b + 1
    else
      i = a + 1
      if c == 123 or c == 91 then
        depth = depth + 1
      else
        depth = depth - 1
        if depth == 0 then return choices and usage and skip(s, i) == nil end
      end
    end
  end
end

-- other tells whether c begins a line that may stand beside the data of a usage
-- event: a comment, event, id, retry.
local function other(c) return c == 58 or c == 101 or c == 105 or c == 114 end

-- strip gives what remains of an event: of a usage event only its comments (a
-- comment before it may have passed already), of any other all.
local function strip(event)
  local i, data, comments = 1, nil, ""
  while i <= #event do
    local a, b = line(event, i)
    if a == nil then a, b = #event, #event end
    local c = byte(event, i)
    if c == 58 then comments = comments .. sub(event, i, b) end
    if a >= i and not other(c) then
      if data ~= nil or sub(event, i, i + 4) ~= "data:" then return event end
      data = sub(event, i + 5, a)
    end
    i = b + 1
  end
  if data == nil or not usage_only(data) then return event end
  return comments
end

-- unclear tells whether the beginning of an event may become a usage event.
local function unclear(s)
  local i = 1
  while true do
    local c = byte(s, i)
    if c == nil then return true end
    if c == 100 then break end
    if not other(c) then return false end
    local _, b = line(s, i)
    if b == nil then return true end
    i = b + 1
  end
  local field = sub(s, i, i + 4)
  if field ~= "data:" then return field == sub("data:", 1, #field) end
  local c = skip(s, i + 5)
  if c == nil then return true end
  if c ~= 123 then return false end
  local v, k = member(s, 'choices"', i)
  if v == nil then return true end
  if v == 91 then v = skip(s, k + 1) or 93 else return false end
  return v == 93
end

-- empty_choices gives where, at or after from, a member choices stands whose
-- value is an empty array; nil if there is none.
local function empty_choices(s, from)
  local v, k = member(s, 'choices"', from)
  while v ~= nil do
    if v == 91 then
      v = byte(s, k + 1)
      if v == 93 or (v ~= 123 and skip(s, k + 1) == 93) then return k end
    end
    v, k = member(s, 'choices"', k)
  end
  return nil
end

-- lead gives the last byte of the empty lines and whole comments that s begins
-- with: a heartbeat never waits for the event after it.
local function lead(s)
  local i = 1
  while true do
    local c = byte(s, i)
    if c ~= 58 and c ~= 10 and c ~= 13 then return i - 1 end
    local _, b = line(s, i)
    if b == nil then return i - 1 end
    i = b + 1
  end
end

-- cut takes the usage events out of the whole events s[from, last]. It gives
-- the pieces of s to keep, nil for all, and where the last piece begins.
local function cut(st, s, from, last)
  local pieces, keep = nil, 1
  local at = empty_choices(s, from)
  while at ~= nil and at <= last do
    local start = last_blank(sub(s, from, at), 1) + from
    while byte(s, start) == 10 or byte(s, start) == 13 do start = start + 1 end
    local stop = blank(s, at)
    local event = sub(s, start, stop)
    local left = strip(event)
    if left ~= event then
      pieces = pieces or {}
      pieces[#pieces + 1] = sub(s, keep, start - 1)
      pieces[#pieces + 1] = left
      keep = stop + 1
      st.eat = stop == #s and byte(s, stop) == 13
    end
    from = stop + 1
    at = empty_choices(s, from)
  end
  return pieces, keep
end

-- sift gives what may pass of the input s, given the state of the stream:
--   held     the beginning of an unclear event, not passed yet
--   passing  nil, or the last bytes of an event that passes unfinished
--   eat      the "\n" of a dropped event's last "\r\n" may still come
local function sift(st, s)
  if st.eat then
    st.eat = false
    if byte(s, 1) == 10 then s = sub(s, 2) end
  end
  local from = 1
  if st.passing ~= nil then
    local e = blank(st.passing .. sub(s, 1, 2), 1)
    if e ~= nil then e = e - #st.passing else e = blank(s, 1) end
    if e == nil then
      st.passing = sub(st.passing .. sub(s, -2), -2)
      return s
    end
    st.passing = nil
    from = e + 1
  elseif st.held ~= "" then
    s = st.held .. s
    st.held = ""
  end

  local last = last_blank(s, from)
  local pieces, keep = cut(st, s, from, last)
  local rest = sub(s, last + 1)
  rest = sub(rest, lead(rest) + 1)
  if #rest > 0 then
    if #rest <= BOUND and unclear(rest) then
      st.held = rest
    else
      st.passing = sub(rest, -2)
    end
  end
  if pieces == nil then
    if st.held == "" then return s end
    return sub(s, 1, #s - #st.held)
  end
  pieces[#pieces + 1] = sub(s, keep, #s - #st.held)
  return concat(pieces)
end

-- look searches s from i on for the finish and, after it, for the end marker,
-- which begins a line; first tells whether s does. It gives where the search
-- for what is still missing goes on.
local function look(st, s, first, i)
  local from = i
  while not st.finished do
    local v, k = member(s, 'finish_reason"', from)
    if v == nil then return i end
    from = k
    local c = byte(s, k + 1)
    st.finished = v == 34 and c ~= nil and c ~= 34
  end
  while not st.done do
    local a, b = find(s, "[DONE]", from, true)
    if a == nil then return from end
    from = b
    while byte(s, a - 1) == 32 do a = a - 1 end
    if sub(s, a - 5, a - 1) == "data:" then
      local c = byte(s, a - 6)
      st.done = c == 10 or c == 13 or (c == nil and first)
    end
  end
  return from
end

-- watch follows the input; st.window is what came since the last blank line,
-- or its last bytes, in which a finish or an end marker may have begun.
local function watch(st, s)
  local w, i = st.window, 1
  if w == "" or #s <= LOOKBACK then
    s = w .. s
    i = look(st, s, true, 1)
  else
    i = look(st, w .. sub(s, 1, LOOKBACK), true, 1) - #w
    i = look(st, s, false, i > 1 and i or 1)
  end
  if whole(s) or (w == "" and find(s, "^[\r\n]+$")) then
    st.window = ""
    return
  end
  if i < #s - LOOKBACK then i = #s - LOOKBACK end
  st.window = i > 1 and "-" .. sub(s, i) or s -- "-": no line begins here
end

-- ending gives what the end of the stream lacks, after what ends a last line
-- and a last event that are unfinished. An error that the provider sent stands
-- for ours; last is the stream's end.
local function ending(handle, st, last)
  if st.done then return "" end
  local seam = st.window == "" and "" or byte(st.window, -1) == 10 and "\n" or "\n\n"
  if st.finished then return seam .. DONE end
  local said = complains(last)
  mark(handle, said and "error" or "cut")
  return said and seam or seam .. BROKEN
end

-- record leaves the last usage object in s, what came since the finish, for the
-- access log, as the provider wrote it.
local function record(handle, s)
  local usage
  for found in string.gmatch(s, '"usage"%s*:%s*(%b{})') do usage = found end
  if usage == nil or #usage > 2048 then return end
  local metadata, word = handle:streamInfo():dynamicMetadata(), told(s, 'finish_reason"')
  metadata:set("dragoman.usage", "raw", usage)
  if word ~= nil then metadata:set("dragoman.usage", "finish", word) end
end

-- chat guards a stream of OpenAI chat completions.
local function chat(handle, orders)
  local drop, tail = orders.usage == "drop", orders.tail == "openai"
  if not drop and not tail then return end

  -- Without an order for the tail nothing is lacking from the start.
  local st = { held = "", passing = nil, eat = false, window = "", finished = false, done = not tail, said = "" }
  local chunk, out, last = nil, "", "\n\n"
  for c in handle:bodyChunks() do
    chunk, out = c, ""
    local n = c:length()
    if n > 0 then
      local s = c:getBytes(0, n)
      out = s
      last = follow(last, s)
      if not st.done then watch(st, s) end
      if st.finished then st.said = sub(st.said .. s, -BOUND) end
      if drop and (st.held ~= "" or st.passing ~= nil or st.eat or not whole(s) or empty_choices(s, 1)) then
        out = sift(st, s)
        if out ~= s then c:setBytes(out) end
      end
    end
  end

  record(handle, st.said)
  local rest = strip(st.held)
  if rest ~= st.held then st.window = "" end
  finally(handle, chunk, out, rest .. ending(handle, st, last))
end
