//go:build !race

package tcotel_test

const raceDetector = false
