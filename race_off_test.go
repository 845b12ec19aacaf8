//go:build !race

package tcretry_test

const raceDetector = false
