-- The answer guard: an upstream filter of an express cluster. Nothing of ours
-- sees an express answer, so this script holds its headers until the body is
-- whole and gives the status 503 to what the next target may do better:
--   200 that is no answer of the client's dialect: another media type (a stream
--       too, which nobody asked for), encoded, empty, cut short, without choices
--       (content, output, candidates, data: an error object under 200)
--   400 and its like for a prompt that is too long or a feature the target lacks,
--       or for the gateway's own key or account there
-- Every other answer passes byte for byte, but for the gateway's own key in an
-- error that repeats it: the filter before has left what the target was sent in
-- KEYS. Encoded errors and answers longer than LONGEST are not held; of such an
-- answer the end is read as it passes.

local find, byte, lower, format = string.find, string.byte, string.lower, string.format
local match, gmatch, sub = string.match, string.gmatch, string.sub

-- Bytes of an answer that is held at most, by its content-length.
local LONGEST = 262144
-- Bytes of an answer whose every brace is matched at most; of a longer one only
-- the end is looked at.
local WALK = 16384
-- Bytes from the beginning of a longer one in which choices usually stands.
local HEAD = 2048
-- Bytes of an answer's end in which usage is looked for, and of a usage object.
local TAIL = 4096
local USAGE = 2048
-- Bytes of an error body that are read.
local ERROR = 16384

-- The header that holds the credentials of the request, and the shortest of its
-- words that is taken for one.
local KEYS, KEY = "x-dragoman-keys", 8

-- The words of dialect.faultWords.
local REFUSALS = {
  { "context_length_exceeded", "context" }, { "maximum context length", "context" },
  { "prompt is too long", "context" }, { "context window", "context" }, { "context length", "context" },
  { "too many tokens", "context" }, { "input is too long", "context" },
  { "exceeds the maximum number of tokens", "context" }, { "maximum number of input tokens", "context" },
  { "reduce the length of the messages", "context" }, { "maximum prompt length", "context" },
  { "exceed_context_size", "context" }, { "max_prompt_tokens", "context" },
  { "model only supports up to", "context" }, { "too many input tokens", "context" },
  { "exceed context limit", "context" }, { "unsupported_parameter", "unsupported" },
  { "unsupported_value", "unsupported" }, { "does not support", "unsupported" },
  { "not supported", "unsupported" },
  { "unsupported parameter", "unsupported" }, { "unrecognized request argument", "unsupported" },
  { "extra inputs are not permitted", "unsupported" }, { "extra_forbidden", "unsupported" },
  { "doesn't support", "unsupported" }, { "extraneous key", "unsupported" },
  { "insufficient_quota", "payment" }, { "insufficient balance", "payment" },
  { "insufficient_balance", "payment" }, { "credit balance is too low", "payment" },
  { "billing_hard_limit_reached", "payment" }, { "exceeded your current quota", "payment" },
  { "api key not valid", "auth" }, { "api_key_invalid", "auth" }, { "api key expired", "auth" },
  { "incorrect api key", "auth" }, { "invalid api key", "auth" }, { "invalid_api_key", "auth" },
}

-- The statuses of 4xx that the router tries the next target for.
local RETRIED = { ["401"] = true, ["402"] = true, ["403"] = true, ["404"] = true, ["408"] = true, ["429"] = true }

-- By dialect: the member that makes an answer one, whether its array may be
-- empty (a model may say nothing), the pattern of usage objects, and a member
-- that stands in the first one's stead (why a prompt is not answered); finish
-- says why the answer ended, as the pattern word has it behind that member.
local WORD, DETAILS = '^%s*:%s*"([%w_]+)"', '^%s*:%s*{%s*"reason"%s*:%s*"([%w_]+)"'
local DIALECTS = {
  bedrock = { '"content"', true, '"usage"%s*:%s*(%b{})', finish = '"stopReason"', word = WORD },
  openai = { '"choices"', false, '"usage"%s*:%s*(%b{})', finish = '"finish_reason"', word = WORD },
  embeddings = { '"data"', false, '"usage"%s*:%s*(%b{})' },
  anthropic = { '"content"', true, '"usage"%s*:%s*(%b{})', finish = '"stop_reason"', word = WORD },
  responses = { '"output"', true, '"usage"%s*:%s*(%b{})', finish = '"incomplete_details"', word = DETAILS },
  gemini = { '"candidates"', false, '"usageMetadata"%s*:%s*(%b{})', '"promptFeedback"', finish = '"finishReason"', word = WORD },
}

-- told gives the word behind a member, the first that has one.
local function told(text, d)
  if d.finish == nil then return nil end
  local _, b = find(text, d.finish, 1, true)
  while b ~= nil do
    local word = match(text, d.word, b + 1)
    if word ~= nil then return word end
    _, b = find(text, d.finish, b + 1, true)
  end
  return nil
end

-- chosen tells whether text has the dialect's array, with an element where one
-- must be; nil if the text ends before that is clear.
local function chosen(text, d)
  local name = d[1]
  if d[4] ~= nil and find(text, d[4], 1, true) ~= nil then return true end
  local _, b = find(text, name, 1, true)
  while b ~= nil do
    local _, e, c = find(text, "^%s*:%s*%[%s*(.)", b + 1)
    if e ~= nil then return d[2] or c ~= "]" end
    if find(text, "^%s*:?%s*%[?%s*$", b + 1) then return nil end
    _, b = find(text, name, b + 1, true)
  end
  return nil
end

-- closed tells whether text is one object whose braces all close at its end.
local function closed(text)
  local i, depth = 1, 0
  while true do
    local a = find(text, '["{}]', i)
    if a == nil then return false end
    local c = byte(text, a)
    if c == 34 then
      local k
      repeat
        a = find(text, '"', a + 1, true)
        if a == nil then return false end
        k = a - 1
        while byte(text, k) == 92 do k = k - 1 end
      until (a - k) % 2 == 1
    elseif c == 123 then
      depth = depth + 1
    else
      depth = depth - 1
      if depth < 1 then return find(text, "^%s*$", a + 1) ~= nil end
    end
    i = a + 1
  end
end

-- completion tells whether the body is one whole JSON object of the dialect.
local function completion(body, n, d)
  local text = body:getBytes(0, n <= WALK and n or HEAD)
  if byte(text, find(text, "%S") or 1) ~= 123 then return false end
  if n <= WALK then return chosen(text, d) == true and closed(text) end
  if find(body:getBytes(n - 64, 64), "}%s*$") == nil then return false end
  local verdict = chosen(text, d)
  if verdict == nil then verdict = chosen(body:getBytes(0, n), d) end
  return verdict == true
end

-- refusal names why another target may accept what this one refused; nil if
-- none will.
local function refusal(body, n)
  local text = lower(body:getBytes(0, n < ERROR and n or ERROR))
  for i = 1, #REFUSALS do
    if find(text, REFUSALS[i][1], 1, true) then return REFUSALS[i][2] end
  end
  return nil
end

-- redact takes the words of keys out of an error's body.
local function redact(body, n, keys)
  local text, changed = body:getBytes(0, n), false
  for word in gmatch(keys, "%S+") do
    local a, b = find(text, word, 1, true)
    while a ~= nil and #word >= KEY do
      text, changed = sub(text, 1, a - 1) .. "(secret)" .. sub(text, b + 1), true
      a, b = find(text, word, a + 8, true)
    end
  end
  if changed then body:setBytes(text) end
end

-- delay is when to come back, in milliseconds, where the body says it: Google's
-- errors have a RetryInfo in place of Retry-After. Nil if it does not.
local function delay(handle)
  local length = handle:headers():get("content-length")
  if length ~= nil and tonumber(length) > ERROR then return nil end
  local body = handle:body(true)
  local n = body ~= nil and body:length() or 0
  if n == 0 then return nil end
  local s = tonumber(match(body:getBytes(0, n < ERROR and n or ERROR), '"retryDelay"%s*:%s*"([%d.]+)s"') or "")
  return s ~= nil and s * 1000 or nil
end

-- fail leaves word of a failure for the attempt stage of the next target, which
-- sees nothing of this one: the status, Retry-After in milliseconds, and what
-- was wrong. What upstream filters write is the request's own metadata.
local function fail(handle, status, why)
  local headers = handle:headers()
  local ms = tonumber(headers:get("retry-after-ms") or "")
  local s = tonumber(headers:get("retry-after") or "")
  if ms == nil and s ~= nil then ms = s * 1000 end
  if ms == nil then ms = status == "429" and delay(handle) or 0 end
  if ms < 0 or ms > 86400000 then ms = 0 end
  handle:streamInfo():dynamicMetadata():set("dragoman.failed", "attempt", format("%s %d %s", status, ms, why))
end

-- passed tells that this answer is the express attempt's own: the router stage,
-- where it translates it (the length is the provider's then), and the client,
-- whose request lost fields.
local function passed(handle, status, facts)
  if facts == nil then return end
  local metadata = handle:streamInfo():dynamicMetadata()
  if facts.dropped ~= nil then metadata:set("dragoman.answer", "dropped", facts.dropped) end
  if facts.translate ~= nil then
    metadata:set("dragoman.answer", "status", status)
    handle:headers():remove("content-length")
  end
end

-- tail gives the last bytes of a buffer of n.
local function tail(buffer, n) return buffer:getBytes(n > TAIL and n - TAIL or 0, n > TAIL and TAIL or n) end

-- record leaves the usage object of an answer for the access log, as the
-- provider wrote it, and why the answer ended. They stand at an answer's end, as
-- a rule, which is text. It tells whether there was one.
local function record(handle, text, d)
  local usage
  for found in gmatch(text, d[3]) do usage = found end
  if usage == nil or #usage > USAGE then return false end
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set("dragoman.usage", "raw", usage)
  local word = told(text, d)
  if word ~= nil then metadata:set("dragoman.usage", "finish", word) end
  return true
end

-- overhear keeps the end of an answer that is not held as it passes, and leaves
-- for the access log if it was cut.
local function overhear(handle, d)
  local text = ""
  for chunk in handle:bodyChunks() do
    local n = chunk:length()
    if n > 0 then text = sub(text .. tail(chunk, n), -TAIL) end
  end
  record(handle, text, d)
  if find(text, "[}%]]%s*$") == nil then
    handle:streamInfo():dynamicMetadata():set("dragoman.usage", "broken", "cut")
  end
end

function envoy_on_response(handle)
  local facts = handle:streamInfo():dynamicMetadata():get("dragoman")
  local headers = handle:headers()
  local status, keys = headers:get(":status"), headers:get(KEYS)
  headers:remove(KEYS)
  if status ~= "200" and (byte(status) ~= 52 or RETRIED[status]) then
    if byte(status) >= 51 then fail(handle, status, "-") end -- 3xx, 4xx and 5xx
    if byte(status) == 50 then passed(handle, status, facts) end
    return
  end
  local kind = lower(headers:get("content-type") or "")
  local coding = headers:get("content-encoding")
  local encoded = coding ~= nil and coding ~= "identity"
  if encoded and status ~= "200" then return passed(handle, status, facts) end
  if status == "200" and (encoded or find(kind, "json", 1, true) == nil) then
    fail(handle, status, "malformed")
    headers:replace(":status", "503")
    return
  end
  local d = DIALECTS[facts ~= nil and facts.dialect or "openai"] or DIALECTS.openai
  local length = headers:get("content-length") -- no value at all if there is none
  if length ~= nil and tonumber(length) > LONGEST then
    passed(handle, status, facts)
    if status == "200" then overhear(handle, d) end
    return
  end

  local body = handle:body(true)
  local n = body ~= nil and body:length() or 0 -- nil where trailers come without data
  local why
  if n == 0 then
    why = status == "200" and "empty" or nil
  elseif status == "200" then
    why = not completion(body, n, d) and "malformed" or nil
  else
    why = refusal(body, n)
  end
  if why == nil then
    if status == "200" then
      local found = record(handle, tail(body, n), d)
      if not found and n > TAIL then record(handle, body:getBytes(0, n), d) end
    elseif n > 0 and keys ~= nil then
      redact(body, n, keys)
    end
    passed(handle, status, facts)
    return
  end
  fail(handle, status, why)
  handle:headers():replace(":status", "503")
end
