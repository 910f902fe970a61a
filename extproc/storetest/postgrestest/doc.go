// Package postgrestest gives tests a real PostgreSQL server of their own.
//
// It is found in $POSTGRES_BIN (a directory with postgres and initdb), in PATH,
// where Debian puts it, or in the distribution's packages, as package debian
// gets them into the project's cache. PostgreSQL refuses to run as root: then
// it runs as nobody.
//
// Promises: a server listens on a Unix socket in a private directory only, and
// never outlives its test; on Linux not even a killed one. Refuses durability:
// it does not sync.
//
// Concurrency: tests of many packages may ask at the same time; one process
// downloads, the others wait. A Server belongs to its test.
package postgrestest
