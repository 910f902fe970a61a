-- What one shard knows of some periods. It writes nothing: the leases of
-- owners that are dead and not reclaimed yet are left out of the sum.
--
-- KEYS  1 owners  2 epoch  3… the periods' counts
-- ARGV  1 now, µs, or 0: the server's clock  2 lease life, ms
local now = tonumber(ARGV[1])
if now == 0 then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
local epoch = redis.call('GET', KEYS[2])
local dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - 1000 * tonumber(ARGV[2])), 'LIMIT', 0, 64)
local answer = {}
for i = 3, #KEYS do
  local v = redis.call('HMGET', KEYS[i], 'u', 'l', 'e', unpack(dead))
  local leased = 0
  if epoch and v[3] == epoch then
    leased = tonumber(v[2]) or 0
    for j = 4, #v do leased = leased - (tonumber(v[j]) or 0) end
  end
  answer[#answer + 1] = tonumber(v[1]) or 0
  answer[#answer + 1] = math.max(0, leased)
end
return answer
