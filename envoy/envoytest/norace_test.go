//go:build !race

package envoytest

// detectorMemory is how many times the memory Go code takes for the race
// detector, which is off.
const detectorMemory = 1
