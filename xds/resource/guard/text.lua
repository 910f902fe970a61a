-- What the guards of event streams share: reading JSON and event stream text
-- that may be cut anywhere.

local find, sub, byte, concat, gsub = string.find, string.sub, string.byte, table.concat, string.gsub

-- Bytes of a stream's end in which its last event is looked for.
local LAST = 4096

-- skip gives the first byte at or after i that is no JSON white space (nil at
-- the end), and where it stands.
local function skip(s, i)
  local c = byte(s, i)
  while c == 32 or c == 9 or c == 10 or c == 13 do
    i = i + 1
    c = byte(s, i)
  end
  return c, i
end

-- member finds an object's member of that name and gives the first byte of its
-- value (nil if the text ends before) and where it stands; no result if there
-- is none. Within a JSON string every quote has a backslash, so a name between
-- bare quotes and before a colon is a name. The needle is the name without its
-- first quote: quotes abound in JSON, and the search stops at each.
local function member(s, name, from)
  while true do
    local a, b = find(s, name, from, true)
    if a == nil then return nil, nil end
    from = b + 1
    if byte(s, a - 1) == 34 and byte(s, a - 2) ~= 92 then
      local c, i = skip(s, from)
      if c == nil then return nil, i end
      if c == 58 then return skip(s, i + 1) end
    end
  end
end

-- told gives the string value of a member in s, the first that has one; name is
-- without its first quote. pattern is that of another value than a string.
local function told(s, name, pattern)
  local _, k = member(s, name, 1)
  while k ~= nil do
    local word = string.match(s, pattern or '^"([%w_]+)"', k)
    if word ~= nil then return word end
    _, k = member(s, name, k)
  end
  return nil
end

-- complains tells whether the last event of s, an end marker aside, is an error
-- of any of the dialects: by its name, its type or a member error that says more
-- than null.
local function complains(s)
  s = gsub(gsub(sub(s, -LAST), "\r\n?", "\n"), "%s+$", "")
  s = gsub(gsub(s, "data: *%[DONE%]$", ""), "%s+$", "")
  local event = string.match(s, ".*\n\n(.*)$") or s
  if find("\n" .. event, "\nevent: *error") ~= nil then return true end
  if find(event, '{%s*"type"%s*:%s*"error"') ~= nil then return true end
  local v, k = member(event, 'error"', 1)
  while v ~= nil do
    if v == 123 or v == 34 then return true end
    v, k = member(event, 'error"', k)
  end
  return false
end

-- mark leaves for the access log that an answer broke off: "cut" for an end
-- without a finish, "error" for an error event in its stead, "failed" for a finish
-- that says so.
local function mark(handle, how) handle:streamInfo():dynamicMetadata():set("dragoman.usage", "broken", how) end

-- whole tells whether s ends with a blank line. After "\r" the "\n" of the
-- same line end may still follow; it passes as an empty line of its own.
local function whole(s)
  local z, y = byte(s, -1), byte(s, -2)
  if z == 10 then
    if y == 10 then return true end
    if y ~= 13 then return false end
    y = byte(s, -3)
    return y == 10 or y == 13
  end
  return z == 13 and (y == 13 or y == 10)
end

-- follow gives what may hold the last event of a stream that goes on with out:
-- last is what it gave before, at first a blank line. An end marker is short.
local function follow(last, out)
  if #out > 16 and whole(last) and byte(out, 1) > 13 then return out end
  return sub(last .. sub(out, -LAST), -LAST)
end

-- form tells how an answer that a guard can read comes: "stream", whose length
-- is the guard's own from here, or "whole"; nil if none can.
local function form(handle)
  local headers = handle:headers()
  local kind, coding = headers:get("content-type"), headers:get("content-encoding")
  if headers:get(":status") ~= "200" or kind == nil then return nil end
  if coding ~= nil and coding ~= "identity" then return nil end
  kind = string.lower(kind)
  if sub(kind, 1, 17) == "text/event-stream" then
    headers:remove("content-length")
    return "stream"
  end
  return find(kind, "json", 1, true) ~= nil and "whole" or nil
end

-- finally puts text behind the last chunk, of which out may pass. With data (or
-- an empty data frame) the last chunk is still ours to change; with trailers it
-- is gone, and nothing can be added.
local function finally(handle, chunk, out, text)
  if text == "" then return end
  if chunk ~= nil then
    pcall(chunk.setBytes, chunk, out .. text)
  elseif handle:trailers() == nil then -- with trailers, using body(true) crashes Envoy
    handle:body(true):setBytes(text)
  end
end
