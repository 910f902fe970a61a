//go:build !race

package bench

const instrumented = false
