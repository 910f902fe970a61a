package sqlite

// schema is what a new file gets. dir_state has one row; versions rise over all
// records, so that what is new is one range of dir_record_version.
const schema = `
CREATE TABLE IF NOT EXISTS dir_state (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	epoch TEXT NOT NULL,
	version INTEGER NOT NULL,
	horizon INTEGER NOT NULL -- the greatest version of a tombstone that is gone
) STRICT;
CREATE TABLE IF NOT EXISTS dir_record (
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	version INTEGER NOT NULL,
	deleted INTEGER NOT NULL, -- Unix seconds of a tombstone, 0 = none
	data BLOB NOT NULL,
	PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS dir_record_version ON dir_record (version);
CREATE INDEX IF NOT EXISTS dir_record_deleted ON dir_record (deleted) WHERE deleted > 0;
CREATE TABLE IF NOT EXISTS dir_trail (
	seq INTEGER PRIMARY KEY,
	event BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS dir_use (
	id TEXT PRIMARY KEY,
	at INTEGER NOT NULL -- Unix milliseconds
) STRICT, WITHOUT ROWID;
`

// The statements; every value is bound.
const (
	beginState = `INSERT INTO dir_state (one, epoch, version, horizon) VALUES (1, ?, 0, 0) ON CONFLICT DO NOTHING`
	readState  = `SELECT epoch, version, horizon FROM dir_state`
	readSince  = `SELECT kind, name, version, deleted, data FROM dir_record WHERE version > ? ORDER BY version LIMIT ?`

	readVersion = `SELECT version, deleted FROM dir_record WHERE kind = ? AND name = ?`
	nextVersion = `UPDATE dir_state SET version = version + 1 RETURNING version`
	writeRecord = `INSERT INTO dir_record (kind, name, version, deleted, data) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET version = excluded.version, deleted = excluded.deleted, data = excluded.data`
	readEvent  = `SELECT event FROM dir_trail WHERE seq = ?`
	writeEvent = `INSERT INTO dir_trail (seq, event) VALUES (?, ?)`
	dropEvents = `DELETE FROM dir_trail WHERE seq <= ?`

	moveHorizon = `UPDATE dir_state SET horizon = max(horizon, coalesce((SELECT max(version) FROM dir_record WHERE deleted > 0 AND deleted < ?), 0))`
	dropGraves  = `DELETE FROM dir_record WHERE deleted > 0 AND deleted < ?`

	readEvents = `SELECT seq, event FROM dir_trail WHERE seq > ? ORDER BY seq LIMIT ?`
	writeUse   = `INSERT INTO dir_use (id, at) VALUES (?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)`
	readUse    = `SELECT at FROM dir_use WHERE id = ?`
	dropUse    = `DELETE FROM dir_use WHERE id = ?`
)
