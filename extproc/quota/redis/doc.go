// Package redis is the quota.Store of a fleet: a single Redis, one under
// Sentinels or a Redis Cluster, of release 7 or newer.
//
// Accounts are spread over 64 shards by their hash. A shard's keys share the
// tag {prefix:q:NN}, so that a Redis Cluster keeps them on one node, and one
// script applies a call's part on a shard as a whole. All shards of a call go
// in one pipeline.
//
//	{dgm:q:07}:o           owners: holder → last seen
//	{dgm:q:07}:e           the epoch that leases belong to
//	{dgm:q:07}:o:OWNER     greatest Seq and Batch of an owner
//	{dgm:q:07}:h:HOLDER    where a holder has leases
//	{dgm:q:07}:p:ACCT:MIN  one period: used, leased, and each holder's lease
//	{dgm:q:07}:x:ACCT:MIN  what other regions were given, or gave, of it
//
// Promises: time is the server's. Counts are exact to 2⁵³, where Lua's numbers
// end, and stay there. A batch is counted once in each shard, so a call of
// which some shards failed may be repeated under a greater Seq; shards that a
// failed call may still reach late are called along with the next one, after
// which it is stale there, too. Any successful call keeps all leases of its
// owner alive, whichever shards they are in. A call ends with its context's
// deadline, or two seconds after it was sent; the client repeats nothing by
// itself, but for one redirection of a Cluster.
// Every key but the counts of periods that never end has a time to live;
// leases of owners not seen for a lease life are reclaimed, 512 in a shard and
// call. No error or log line has a password in it.
//
// Refuses: to be a cache. A server that evicts keys forgets what was spent, so
// it needs maxmemory-policy noeviction. Redis replicates asynchronously: what
// the last moment before a failover has acknowledged may be lost with the
// master, and is then spent again.
//
// Concurrency: a Store may be used by any number of goroutines, for one owner
// or many; the mutex guards only what it remembers about owners, and is not
// held during calls.
package redis
