package redis

import goredis "github.com/redis/go-redis/v9"

// Names that all keys of a directory share a slot by, and what each holds.
//
//	state   hash    epoch, version, horizon (the greatest version of a tombstone that is gone)
//	records hash    kind/name → "version deleted data"; deleted is 0 or a tombstone's Unix seconds
//	order   zset    kind/name by version
//	graves  zset    kind/name of tombstones by Unix seconds
//	trail   stream  an event an entry, its id is version-1
//	uses    hash    id of a key → Unix milliseconds
type names struct{ state, records, order, graves, trail, uses, changed string }

func namesOf(prefix string) names {
	tag := "{" + prefix + ":dir}:"
	return names{tag + "state", tag + "records", tag + "order", tag + "graves", tag + "trail", tag + "uses", tag + "changed"}
}

func (n names) keys() []string {
	return []string{n.state, n.records, n.order, n.graves, n.trail, n.uses}
}

// The script looks before it writes: Redis does not take back what a script has
// done. Versions stay exact up to 2⁵³, which nobody reaches; %.0f prints them
// without an exponent.
//
// ARGV: now and the eldest tombstone to keep in Unix seconds, an epoch for an
// empty store, the trail's length, the channel; then six for each change:
// kind/name, the version expected, 1 for a tombstone, data, event, the id of a
// use to forget. It returns 0, or which change found another version.
var writeScript = goredis.NewScript(`
local state, records, order, graves, trail, uses = unpack(KEYS)
for i = 6, #ARGV, 6 do
	local held, version = redis.call('HGET', records, ARGV[i]), '0'
	if held then
		local v, deleted = string.match(held, '^(%d+) (%d+) ')
		if deleted == '0' then version = v end
	end
	if version ~= ARGV[i + 1] then return i / 6 end
end
redis.call('HSETNX', state, 'epoch', ARGV[3])
for i = 6, #ARGV, 6 do
	local version = string.format('%.0f', redis.call('HINCRBY', state, 'version', 1))
	local deleted = '0'
	if ARGV[i + 2] == '1' then
		deleted = ARGV[1]
		redis.call('ZADD', graves, deleted, ARGV[i])
	else
		redis.call('ZREM', graves, ARGV[i])
	end
	redis.call('HSET', records, ARGV[i], version .. ' ' .. deleted .. ' ' .. ARGV[i + 3])
	redis.call('ZADD', order, version, ARGV[i])
	redis.call('XADD', trail, 'MAXLEN', '~', ARGV[4], version .. '-1', 'event', ARGV[i + 4])
	if ARGV[i + 5] ~= '' then redis.call('HDEL', uses, ARGV[i + 5]) end
end
for _, member in ipairs(redis.call('ZRANGE', graves, '-inf', '(' .. ARGV[2], 'BYSCORE', 'LIMIT', 0, 100)) do
	local version = tonumber(redis.call('ZSCORE', order, member))
	if version > tonumber(redis.call('HGET', state, 'horizon') or '0') then
		redis.call('HSET', state, 'horizon', string.format('%.0f', version))
	end
	redis.call('HDEL', records, member)
	redis.call('ZREM', order, member)
	redis.call('ZREM', graves, member)
end
redis.call('PUBLISH', ARGV[5], redis.call('HGET', state, 'version'))
return 0
`)

// ARGV: the version after which to read, and how many records at most. It
// returns epoch, version, horizon, then kind/name and value of each.
var sinceScript = goredis.NewScript(`
local state, records, order = unpack(KEYS)
local out = redis.call('HMGET', state, 'epoch', 'version', 'horizon')
if not out[1] then return {} end
out[3] = out[3] or '0'
local members = redis.call('ZRANGE', order, '(' .. ARGV[1], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[2])
for from = 1, #members, 1000 do
	local upto = math.min(from + 999, #members)
	local values = redis.call('HMGET', records, unpack(members, from, upto))
	for i = from, upto do
		out[#out + 1] = members[i]
		out[#out + 1] = values[i - from + 1]
	end
end
return out
`)

// ARGV: id and Unix milliseconds of each use. The later one stays.
var usedScript = goredis.NewScript(`
for i = 1, #ARGV, 2 do
	local known = redis.call('HGET', KEYS[1], ARGV[i])
	if not known or tonumber(known) < tonumber(ARGV[i + 1]) then
		redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
	end
end
return 0
`)
