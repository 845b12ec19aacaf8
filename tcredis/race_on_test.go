//go:build race

package tcredis_test

// raceDetector reports that the test binary was built with -race.
const raceDetector = true
