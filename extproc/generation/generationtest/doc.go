// Package generationtest holds what all stores of generations must do
// (Contract), a store in memory that does it the simplest way, and records to
// try them with.
//
// Promises: Contract compares a store with the simple one over many random
// questions, from a fixed seed. Refuses to be imported by anything but tests.
//
// Concurrency: a Memory may be used by any number of goroutines.
package generationtest
