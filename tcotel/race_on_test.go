//go:build race

package tcotel_test

// raceDetector says that sync.Pool forgets at random, as it does under -race, so
// that allocations cannot be counted.
const raceDetector = true
