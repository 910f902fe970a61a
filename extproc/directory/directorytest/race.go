//go:build race

package directorytest

// raceDetector slows a database in Go down twentyfold: figures would be its.
const raceDetector = true
