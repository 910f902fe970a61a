//go:build !race

package directorytest

// raceDetector is not at work.
const raceDetector = false
