-- One region's books of one period: what it has given to other regions, and
-- received from them. It leaves a cap for exchange.lua.
--
-- KEYS  1 the period's count  2 its books (hash: g:REGION given, r:REGION
--       received)  3 epoch
-- ARGV  1 'read', 'give' or 'take'  2 the region's share  3 how long to keep
--       books that are new, ms; 0: forever  4 the other region  5 what has been
--       given before  6 what it becomes at most  7 what has been given at least
local countKey, books, share, ttl = KEYS[1], KEYS[2], tonumber(ARGV[2]), tonumber(ARGV[3])
local function text(n) return string.format('%.0f', n) end

local limit, known = share, {}
local flat = redis.call('HGETALL', books)
for i = 1, #flat, 2 do
  local n = tonumber(flat[i + 1])
  known[flat[i]] = n
  limit = limit + (string.sub(flat[i], 1, 2) == 'r:' and n or -n)
end
local v = redis.call('HMGET', countKey, 'u', 'l', 'e')
local used, leased = tonumber(v[1]) or 0, 0
if v[3] and v[3] == redis.call('GET', KEYS[3]) then leased = tonumber(v[2]) or 0 end

-- raise sets a sum.
local function raise(field, to)
  local change = to - (known[field] or 0)
  if change <= 0 then return end
  known[field] = to
  limit = limit + (string.sub(field, 1, 2) == 'r:' and change or -change)
  redis.call('HSET', books, field, text(to))
end

if ARGV[1] == 'give' then
  local field = 'g:' .. ARGV[4]
  local before, upto = tonumber(ARGV[5]), tonumber(ARGV[6])
  raise(field, tonumber(ARGV[7]))
  if (known[field] or 0) == before then raise(field, math.min(upto, before + limit - used - leased)) end
elseif ARGV[1] == 'take' then
  raise('r:' .. ARGV[4], tonumber(ARGV[6]))
end

redis.call('HSET', countKey, 'c', text(limit))
for _, key in ipairs({countKey, books}) do
  if ttl > 0 and redis.call('PTTL', key) == -1 then redis.call('PEXPIRE', key, text(ttl)) end
end

local answer = {text(used), text(leased)}
for field, n in pairs(known) do
  answer[#answer + 1] = field
  answer[#answer + 1] = text(n)
end
return answer
