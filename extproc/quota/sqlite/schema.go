package sqlite

// Times are nanoseconds since 1970, UTC. Numbers of calls and batches are
// unsigned and stored with their first bit turned, which keeps their order.
// Invariant: leased is the sum of the period's leases, and a lease's period
// exists.
var schema = []string{
	`CREATE TABLE IF NOT EXISTS quota_periods (
		account BLOB NOT NULL, period INTEGER NOT NULL,
		used INTEGER NOT NULL, leased INTEGER NOT NULL,
		ends INTEGER, -- NULL: never
		PRIMARY KEY (account, period)) WITHOUT ROWID`,
	`CREATE INDEX IF NOT EXISTS quota_periods_ends ON quota_periods (ends) WHERE ends IS NOT NULL`,
	`CREATE TABLE IF NOT EXISTS quota_owners (
		owner BLOB NOT NULL PRIMARY KEY,
		seen INTEGER NOT NULL, seq INTEGER NOT NULL, batch INTEGER NOT NULL,
		holding INTEGER NOT NULL -- 0 once all its leases have been taken back
		) WITHOUT ROWID`,
	`CREATE INDEX IF NOT EXISTS quota_owners_seen ON quota_owners (holding, seen)`,
	`CREATE TABLE IF NOT EXISTS quota_leases (
		owner BLOB NOT NULL, account BLOB NOT NULL, period INTEGER NOT NULL,
		amount INTEGER NOT NULL,
		PRIMARY KEY (owner, account, period)) WITHOUT ROWID`,
	`CREATE INDEX IF NOT EXISTS quota_leases_period ON quota_leases (account, period)`,
}

// statement names one of the prepared texts.
type statement int

const (
	readOwner statement = iota
	writeOwner
	countAlive
	findDead
	releaseLeases
	dropLeases
	emptyOwner
	dropOldLeases
	dropOldPeriods
	dropOldOwners
	readPeriod
	writePeriod
	addUsed
	writeLease
	dropLease
	numStatements
)

var texts = [numStatements]string{
	readOwner: `SELECT seq, batch FROM quota_owners WHERE owner = ?`,
	writeOwner: `INSERT INTO quota_owners (owner, seen, seq, batch, holding) VALUES (?, ?, ?, ?, 1)
		ON CONFLICT DO UPDATE SET seen = excluded.seen, seq = excluded.seq, batch = excluded.batch, holding = 1`,
	countAlive: `SELECT COUNT(*) FROM quota_owners WHERE holding = 1 AND seen > ?`,

	findDead: `SELECT owner FROM quota_owners WHERE holding = 1 AND seen <= ? ORDER BY seen LIMIT ?`,
	// Both take the owner's first leases, so the two agree on which.
	releaseLeases: `UPDATE quota_periods SET leased = leased - l.amount
		FROM (SELECT account, period, amount FROM quota_leases WHERE owner = ?
			ORDER BY account, period LIMIT ?) AS l
		WHERE quota_periods.account = l.account AND quota_periods.period = l.period`,
	dropLeases: `DELETE FROM quota_leases WHERE owner = ?1 AND (account, period) IN
		(SELECT account, period FROM quota_leases WHERE owner = ?1 ORDER BY account, period LIMIT ?2)`,
	emptyOwner: `UPDATE quota_owners SET holding = 0 WHERE owner = ?`,

	dropOldLeases: `DELETE FROM quota_leases WHERE (account, period) IN
		(SELECT account, period FROM quota_periods WHERE ends < ? ORDER BY ends, account, period LIMIT ?)`,
	dropOldPeriods: `DELETE FROM quota_periods WHERE (account, period) IN
		(SELECT account, period FROM quota_periods WHERE ends < ? ORDER BY ends, account, period LIMIT ?)`,
	dropOldOwners: `DELETE FROM quota_owners WHERE owner IN
		(SELECT owner FROM quota_owners WHERE holding = 0 AND seen < ? ORDER BY seen LIMIT ?)`,

	readPeriod: `SELECT p.used, p.leased, p.ends, COALESCE(l.amount, 0) FROM quota_periods AS p
		LEFT JOIN quota_leases AS l ON l.owner = ? AND l.account = p.account AND l.period = p.period
		WHERE p.account = ? AND p.period = ?`,
	writePeriod: `INSERT INTO quota_periods (account, period, used, leased, ends) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET used = excluded.used, leased = excluded.leased, ends = excluded.ends`,
	addUsed: `INSERT INTO quota_periods (account, period, used, leased, ends) VALUES (?1, ?2, MIN(MAX(?3, -?5), ?5), 0, ?4)
		ON CONFLICT DO UPDATE SET used = MIN(MAX(used + ?3, -?5), ?5)`,
	writeLease: `INSERT INTO quota_leases (owner, account, period, amount) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET amount = excluded.amount`,
	dropLease: `DELETE FROM quota_leases WHERE owner = ? AND account = ? AND period = ?`,
}

const standingText = `SELECT p.used, p.leased - COALESCE((
		SELECT SUM(l.amount) FROM quota_leases AS l JOIN quota_owners AS o ON o.owner = l.owner
		WHERE l.account = p.account AND l.period = p.period AND o.seen <= ?), 0)
	FROM quota_periods AS p WHERE p.account = ? AND p.period = ?`
