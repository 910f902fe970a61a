//go:build race

package envoytest

// detectorMemory is how many times the memory Go code takes under the race
// detector (its documentation says five to ten).
const detectorMemory = 5
