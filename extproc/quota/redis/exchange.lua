-- One shard's part of an Exchange, applied as a whole.
--
-- KEYS  1 owners (sorted set: holder → last seen, µs)   2 epoch
--       3 this owner's numbers   4… one period's count for each row
-- ARGV  1 the shard's tag  2 owner  3 now, µs, or 0: the server's clock
--       4 seq  5 batch (both 20 digits, so that they compare as text)
--       6 lease life, ms  7 '1' to adopt  8 '1' if the batch has charges here
--       9 '1' if an owner who is not known here is noted though it has no rows
--       then six for each row: settled, ends (µs, 0 never), limit ('' if
--       nothing is asked), hold, need, want
--
-- A holder is an owner and how many times it has begun anew. A period's hash has
-- u (used), l (leased), e (epoch) and each holder's lease; a holder's list
-- (sorted set: period → ends) tells where it has leases.
--
-- Leases belong to an epoch. It ends when nobody has called the shard for four
-- lease lives: lists may have expired by then, so that what they named could
-- not be reclaimed one by one; it is void at once instead.

local owners, epochKey, ownKey = KEYS[1], KEYS[2], KEYS[3]
local tag, owner, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local seq, batch, life = ARGV[4], ARGV[5], tonumber(ARGV[6])
local MAX = 9007199254740992 -- 2^53, the last integer that Lua counts exactly
local STEP = 512             -- leases reclaimed in a call, at most
local UNKNOWN = 3024000000   -- 35 days: how long a count lives of which only charges are known

local function text(n) return string.format('%.0f', n) end
local function list(holder) return tag .. ':h:' .. holder end

if now == 0 then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end

local own = redis.call('HMGET', ownKey, 's', 'b', 'i')
if own[1] and seq <= own[1] then return 'STALE' end
if not own[1] and #KEYS == 3 and ARGV[9] == '0' then return {now, 0} end

local epoch = redis.call('GET', epochKey)
if not epoch then
  epoch = text(now)
  redis.call('DEL', owners)
end
redis.call('SET', epochKey, epoch, 'PX', text(4 * life))

-- release ends a holder's lease of one period.
local function release(member, holder)
  local key = tag .. ':p:' .. member
  local v = redis.call('HMGET', key, 'u', 'l', 'e', holder, 'c')
  if v[3] ~= epoch or not v[4] then return end
  local leased = math.max(0, (tonumber(v[2]) or 0) - tonumber(v[4]))
  if leased == 0 and (tonumber(v[1]) or 0) == 0 and not v[5] then
    redis.call('DEL', key)
  else
    redis.call('HSET', key, 'l', text(leased))
    redis.call('HDEL', key, holder)
  end
end

local count = own[3] or '1'
local holder, before = owner .. ':' .. count, nil
local seen = tonumber(redis.call('ZSCORE', owners, holder) or '')
local died = seen and seen <= now - 1000 * life -- and comes back: what it held is others' by now
if own[1] and (ARGV[7] == '1' or died) then
  before = holder
  count = text(tonumber(count) + 1)
  holder = owner .. ':' .. count
  if redis.call('EXISTS', list(before)) == 1 then
    redis.call('ZADD', owners, 0, before)
  else
    redis.call('ZREM', owners, before)
  end
end
redis.call('HSET', ownKey, 's', seq, 'i', count)
redis.call('PEXPIRE', ownKey, text(2016 * life))
redis.call('ZADD', owners, text(now), holder)
redis.call('PEXPIRE', owners, text(4 * life))
local mylist = list(holder)
redis.call('ZREMRANGEBYSCORE', mylist, '-inf', text(now))

local answer = {now, 0}

-- void takes the leases of an earlier epoch off a period.
local function void(key)
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if field ~= 'u' and field ~= 'c' then redis.call('HDEL', key, field) end
  end
end

-- grant answers an ask: what is held stays, all beyond it needs room.
local function grant(at, mine, room, alive)
  local hold, need, want = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local lease = math.min(hold, mine)
  room = math.max(0, room - lease)
  local again = math.min(hold - lease, room)
  lease, room = lease + again, room - again
  if need <= room then lease, room = lease + need, room - need end
  return lease + math.min(want, math.floor(room / (2 * alive)))
end

local charges = ARGV[8] == '1' and (not own[2] or batch > own[2])
if charges then redis.call('HSET', ownKey, 'b', batch) end

-- A row is one period: of a charge, of an ask or of both.
local rows, befores = {}, {}
for i = 1, #KEYS - 3 do
  local key, at = KEYS[3 + i], 4 + 6 * i
  local row = {key = key, at = at, member = string.sub(key, #tag + 4)}
  rows[i] = row
  local settled = charges and tonumber(ARGV[at]) or 0
  if settled ~= 0 then
    local used = tonumber(redis.call('HGET', key, 'u')) or 0
    befores[row.member] = used
    redis.call('HSET', key, 'u', text(math.max(-MAX, math.min(MAX, used + settled))))
  end
  -- Leases asked for are taken over before the rest of an adopted owner ends.
  local lease = before and not died and ARGV[at + 2] ~= '' and redis.call('HGET', key, before)
  if lease then
    redis.call('HDEL', key, before)
    redis.call('HSET', key, holder, lease)
    redis.call('ZREM', list(before), row.member)
  end
end

-- The dead lose what they hold, STEP leases in a call.
local left = STEP
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', owners, '-inf', text(now - 1000 * life), 'LIMIT', 0, 8)) do
  local members = redis.call('ZRANGE', list(dead), 0, left - 1)
  for _, member in ipairs(members) do release(member, dead) end
  if #members > 0 then redis.call('ZREM', list(dead), unpack(members)) end
  left = left - #members
  if left <= 0 then
    redis.call('PEXPIRE', list(dead), text(8 * life))
    break
  end
  redis.call('ZREM', owners, dead)
end

local alive = redis.call('ZCOUNT', owners, '(' .. text(now - 1000 * life), '+inf')

-- store writes a count and its lease; one without either is forgotten.
local function store(row, lease, leased, ends)
  if lease > 0 then
    redis.call('ZADD', mylist, ends == 0 and '+inf' or text(ends), row.member)
  else
    redis.call('ZREM', mylist, row.member)
  end
  if row.used == 0 and leased == 0 and not row.cap then
    redis.call('DEL', row.key)
    return
  end
  redis.call('HSET', row.key, 'u', text(row.used), 'l', text(leased), 'e', epoch)
  if lease > 0 then
    redis.call('HSET', row.key, holder, text(lease))
  elseif row.mine > 0 then
    redis.call('HDEL', row.key, holder)
  end
  if ends == 0 then
    redis.call('PERSIST', row.key)
  else
    redis.call('PEXPIRE', row.key, text(math.max(life, math.ceil((ends - now) / 1000))))
  end
end

for _, row in ipairs(rows) do
  local limit, ends = tonumber(ARGV[row.at + 2]), tonumber(ARGV[row.at + 1])
  if limit then
    local v = redis.call('HMGET', row.key, 'u', 'l', 'e', holder, 'c')
    row.used, row.leased, row.mine, row.cap = tonumber(v[1]) or 0, 0, 0, tonumber(v[5])
    if row.cap then limit = math.min(limit, row.cap) end
    if v[3] == epoch then
      row.leased, row.mine = tonumber(v[2]) or 0, tonumber(v[4]) or 0
    elseif v[3] then
      void(row.key)
    end
    local others = math.max(0, row.leased - row.mine)
    local lease = grant(row.at, row.mine, limit - row.used - others, alive)
    store(row, lease, others + lease, ends)
    for _, n in ipairs({lease, row.used, befores[row.member] or row.used, others + lease}) do answer[#answer + 1] = n end
  elseif string.sub(row.member, -2) ~= ':0' and redis.call('PTTL', row.key) == -1 then
    redis.call('PEXPIRE', row.key, text(UNKNOWN))
  end
end

answer[2] = redis.call('ZCARD', mylist)
if answer[2] > 0 then redis.call('PEXPIRE', mylist, text(8 * life)) end
return answer
