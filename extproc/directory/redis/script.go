package redis

import goredis "github.com/redis/go-redis/v9"

// Names that all keys of a directory share a slot by, and what each holds.
//
//	state   hash    epoch, version, change (that made the version), horizon (the greatest version of a tombstone that is gone)
//	records hash    kind/name → "version deleted data"; deleted is 0 or a tombstone's Unix seconds, both in digits
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

// changeOf is the ID of the event that made a version, "" if the trail does not
// tell: events go, and what another program wrote there may be anything.
const changeOf = `
local function changeOf(trail, version)
	local entry = redis.call('XRANGE', trail, version .. '-1', version .. '-1')[1]
	if not entry then return '' end
	local read, event = pcall(cjson.decode, entry[2][2])
	if not read or type(event) ~= 'table' or type(event.id) ~= 'string' then return '' end
	return event.id
end
`

// The script looks before it writes: Redis does not take back what a script has
// done. Versions stay exact up to 2⁵³, which nobody reaches; %.0f prints them
// without an exponent.
//
// ARGV: now and the eldest tombstone to keep in Unix seconds, an epoch for an
// empty store, the trail's length, the channel; then seven for each change:
// kind/name, the version expected, 1 for a tombstone, data, event, the event's
// ID, the id of a use to forget. It returns 0, or which change found another
// version. The client sends a script again whose answer it did not get: of
// changes that are applied whole or not at all, one that is found tells of all.
var writeScript = goredis.NewScript(changeOf + `
local state, records, order, graves, trail, uses = unpack(KEYS)
for i = 6, #ARGV, 7 do
	local version, expected = '0', '0'
	local v, deleted = string.match(redis.call('HGET', records, ARGV[i]) or '', '^(%d+) (%d+) ')
	if v then
		version = v
		if deleted == '0' then expected = v end
	else -- a record that is damaged has its version still
		version = string.format('%.0f', redis.call('ZSCORE', order, ARGV[i]) or '0')
		expected = version
	end
	if expected ~= ARGV[i + 1] then
		if ARGV[i + 5] ~= '' and changeOf(trail, version) == ARGV[i + 5] then return 0 end
		return (i + 1) / 7
	end
end
redis.call('HSETNX', state, 'epoch', ARGV[3])
for i = 6, #ARGV, 7 do
	local version = string.format('%.0f', redis.call('HINCRBY', state, 'version', 1))
	redis.call('HSET', state, 'change', ARGV[i + 5])
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
	if ARGV[i + 6] ~= '' then redis.call('HDEL', uses, ARGV[i + 6]) end
end
for _, member in ipairs(redis.call('ZRANGE', graves, '-inf', '(' .. ARGV[2], 'BYSCORE', 'LIMIT', 0, 100)) do
	local version = tonumber(redis.call('ZSCORE', order, member) or '0')
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
// returns epoch, version, horizon, the change that made the version asked for,
// the version that is reached with the records and the change that made it; then
// kind/name, version and value of each record. A value that is missing is empty.
var sinceScript = goredis.NewScript(changeOf + `
local state, records, order, _, trail = unpack(KEYS)
local out = redis.call('HMGET', state, 'epoch', 'version', 'horizon')
if not out[1] then return {} end
out[3] = out[3] or '0'
local limit = tonumber(ARGV[2])
local found = redis.call('ZRANGE', order, '(' .. ARGV[1], '+inf', 'BYSCORE', 'LIMIT', 0, limit + 1, 'WITHSCORES')
local reached = out[2]
if #found > 2 * limit then reached = found[2 * limit] end
out[4], out[5], out[6] = changeOf(trail, ARGV[1]), reached, changeOf(trail, reached)
for from = 1, math.min(#found / 2, limit), 1000 do
	local members = {}
	for i = from, math.min(from + 999, #found / 2, limit) do members[#members + 1] = found[2 * i - 1] end
	for i, value in ipairs(redis.call('HMGET', records, unpack(members))) do
		out[#out + 1] = members[i]
		out[#out + 1] = found[2 * (from + i - 1)]
		out[#out + 1] = value or ''
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
